# ---- Teleport

variable "teleport_version" {
  type        = string
  description = "The version of Teleport to install, such as 17.5.1."

  validation {
    condition     = regex_replace(var.teleport_version, "^[0-9]+[.][0-9]+[.][0-9]+(-[0-9A-Za-z.-]+)?$", "") == ""
    error_message = "The version has the form 17.5.1, without a v."
  }
}

variable "teleport_sha256" {
  type        = string
  description = "SHA-256 of the archive to install, in hexadecimal: Teleport publishes it next to each archive."

  validation {
    condition     = regex_replace(var.teleport_sha256, "^[0-9a-f]{64}$", "") == ""
    error_message = "The checksum has 64 hexadecimal digits."
  }
}

variable "edition" {
  type        = string
  description = "community or enterprise."
  default     = "community"

  validation {
    condition     = contains(["community", "enterprise"], var.edition)
    error_message = "The edition is community or enterprise."
  }
}

variable "fips" {
  type        = bool
  description = "Install the FIPS build, which exists for the enterprise edition only."
  default     = false
}

variable "download_url" {
  type        = string
  description = "URL of the directory of Teleport's archives, such as a mirror of your own."
  default     = "https://cdn.teleport.dev"
}

# ---- The agent

variable "package" {
  type        = string
  description = "Path of the teleport-bootstrap package on this computer: .rpm for amazon-linux-2023, .deb for debian-12."
}

# ---- The image

variable "base" {
  type        = string
  description = "Base image: amazon-linux-2023 or debian-12."
  default     = "amazon-linux-2023"

  validation {
    condition     = contains(["amazon-linux-2023", "debian-12"], var.base)
    error_message = "The base is amazon-linux-2023 or debian-12."
  }
}

variable "architecture" {
  type        = string
  description = "x86_64 or arm64; instance_type has to match."
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "The architecture is x86_64 or arm64."
  }
}

variable "name_prefix" {
  type        = string
  description = "Prefix of the image's name."
  default     = "teleport"
}

variable "region" {
  type        = string
  description = "Region in which the image is built."
}

variable "subnet_id" {
  type        = string
  description = "Subnet to build in; empty for the default one. It needs access to Teleport's archives and the distribution's packages."
  default     = ""
}

variable "instance_type" {
  type        = string
  description = "Type of the instance that builds the image."
  default     = "t3.small"
}

variable "kms_key_id" {
  type        = string
  description = "KMS key that encrypts the image; empty for the account's default key, which no other account can use."
  default     = ""
}

variable "ami_users" {
  type        = list(string)
  description = "Accounts that may launch the image; kms_key_id has to be a key that they can use."
  default     = []
}

variable "volume_gigabytes" {
  type        = number
  description = "Size of the root volume."
  default     = 20
}
