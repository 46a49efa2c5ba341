# ---- As in Teleport's public example, so that its terraform.tfvars can be used

variable "region" {
  type        = string
  description = "The AWS region, which is that of the provider too."

  validation {
    condition     = can(regex("^[a-z]{2,8}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$", var.region))
    error_message = "A region is written as eu-west-1."
  }
}

variable "cluster_name" {
  type        = string
  description = "Name of the cluster. It cannot be changed later: the tables and the cluster's own certificates have it."

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9.-]{1,61}[A-Za-z0-9]$", var.cluster_name))
    error_message = "The name has 3 to 63 letters, digits, dots and hyphens, and begins and ends with a letter or a digit."
  }
}

variable "ami_name" {
  type        = string
  description = "Name of the image to launch, which has Teleport and this agent; `*` stands for any characters, and the newest image is taken."

  validation {
    condition     = length(var.ami_name) > 0
    error_message = "Name an image, such as teleport-community-*."
  }
}

variable "route53_zone" {
  type        = string
  description = "Name of the hosted zone in Route 53 that gets the DNS records, such as `example.com`."
}

variable "route53_domain" {
  type        = string
  description = "The domain under which people reach the cluster, within `route53_zone`."

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z][a-z0-9-]{0,61}[a-z0-9]$", var.route53_domain))
    error_message = "Write a DNS name in lower case, without a dot at its end."
  }
}

variable "add_wildcard_route53_record" {
  type        = bool
  description = "Whether names below the domain lead to the cluster too, as applications need."
  default     = false
}

variable "enable_mongodb_listener" {
  type        = bool
  description = "Whether MongoDB clients have a port of their own; it does not count with TLS routing."
  default     = false
}

variable "enable_mysql_listener" {
  type        = bool
  description = "Whether MySQL clients have a port of their own; it does not count with TLS routing."
  default     = false
}

variable "enable_postgres_listener" {
  type        = bool
  description = "Whether PostgreSQL clients have a port of their own; it does not count with TLS routing."
  default     = false
}

variable "s3_bucket_name" {
  type        = string
  description = "Name of the bucket to create, for session recordings, backups and certificates. Needed unless `state_store` is `disk`."
  default     = ""

  validation {
    condition     = var.s3_bucket_name == "" || (can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.s3_bucket_name)) && !can(regex("[.][.]|^xn--|^sthree-|-s3alias$|--ol-s3$|^([0-9]+[.]){3}[0-9]+$", var.s3_bucket_name)))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens, in a form that S3 takes."
  }
}

variable "email" {
  type        = string
  description = "The address that Let's Encrypt has for the certificate. Needed with `use_letsencrypt`."
  default     = ""

  validation {
    condition     = var.email == "" || can(regex("^[A-Za-z0-9!#%&'*+/=?^_{|}~.-]{1,64}@[A-Za-z0-9.-]+$", var.email))
    error_message = "This is not a mail address."
  }
}

variable "key_name" {
  type        = string
  description = "Name of an EC2 key pair for SSH to the instance; empty for none, which Session Manager makes unnecessary."
  default     = ""
}

variable "use_letsencrypt" {
  type        = bool
  description = "Whether the certificate comes from Let's Encrypt. It does not count with `use_acm`."
  default     = false
}

variable "use_acm" {
  type        = bool
  description = "Whether an application load balancer ends TLS with a certificate from ACM."
  default     = false
}

variable "use_tls_routing" {
  type        = bool
  description = "Whether every protocol uses the web port."
  default     = false
}

variable "allowed_ssh_ingress_cidr_blocks" {
  type        = list(string)
  description = "Networks that reach SSH of the instance itself, on port 22, if `key_name` is set."
  default     = []

  validation {
    condition     = alltrue([for each in var.allowed_ssh_ingress_cidr_blocks : can(cidrhost(each, 0))])
    error_message = "Write networks as 192.0.2.0/24."
  }
}

variable "allowed_ingress_cidr_blocks" {
  type        = list(string)
  description = "Networks that reach the load balancers for people and agents."
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for each in var.allowed_ingress_cidr_blocks : can(cidrhost(each, 0))])
    error_message = "Write networks as 192.0.2.0/24."
  }
}

variable "allowed_egress_cidr_blocks" {
  type        = list(string)
  description = "Networks that the instance reaches; it needs AWS, and Let's Encrypt where that is used."
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for each in var.allowed_egress_cidr_blocks : can(cidrhost(each, 0))])
    error_message = "Write networks as 192.0.2.0/24."
  }
}

variable "kms_alias_name" {
  type        = string
  description = "Alias of the KMS key that encrypts SSM parameters and the bucket. With `alias/aws/ssm`, parameters have AWS's own key, and the bucket S3's."
  default     = "alias/aws/ssm"

  validation {
    condition     = can(regex("^alias/[A-Za-z0-9/_-]{1,250}$", var.kms_alias_name))
    error_message = "An alias is written as alias/NAME."
  }
}

variable "cluster_instance_type" {
  type        = string
  description = "Type of the instance, which has to fit the image's architecture."
  default     = "t3.medium"
}

variable "teleport_auth_type" {
  type        = string
  description = "How people log in: `local`, `github`, `saml` or `oidc`."
  default     = "local"

  validation {
    condition     = contains(["local", "github", "saml", "oidc"], var.teleport_auth_type)
    error_message = "Write local, github, saml or oidc."
  }
}

variable "license_path" {
  type        = string
  description = "With any value, the Enterprise license is in SSM, where you put it before the first `apply`. The file is not read, to keep it out of the state."
  default     = ""
}

variable "default_tags" {
  type        = map(string)
  description = "Tags of everything that takes tags."
  default     = {}

  # EC2 launches no instance with another key while tags are in its metadata.
  validation {
    condition     = alltrue([for key in keys(var.default_tags) : can(regex("^[A-Za-z0-9_+=,.@:-]{1,128}$", key))])
    error_message = "A tag's key has letters, digits and _ + - = , . @ : here, without blanks and slashes."
  }
}

# ---- Where the cluster goes

variable "vpc_id" {
  type        = string
  description = "The VPC."

  validation {
    condition     = can(regex("^vpc-[0-9a-f]+$", var.vpc_id))
    error_message = "A VPC is written as vpc-0123456789abcdef0."
  }
}

variable "balancer_subnet_ids" {
  type        = list(string)
  description = "Public subnets for the load balancers, of two zones at least."

  validation {
    condition     = length(var.balancer_subnet_ids) >= 2 && alltrue([for each in var.balancer_subnet_ids : can(regex("^subnet-[0-9a-f]+$", each))])
    error_message = "Name two subnets at least, as subnet-0123456789abcdef0."
  }
}

variable "instance_subnet_id" {
  type        = string
  description = "Subnet of the instance: a private one, with a way to AWS."

  validation {
    condition     = can(regex("^subnet-[0-9a-f]+$", var.instance_subnet_id))
    error_message = "A subnet is written as subnet-0123456789abcdef0."
  }
}

variable "allowed_auth_ingress_cidr_blocks" {
  type        = list(string)
  description = "Your own networks, whose hosts reach the auth server at 3025 to join without the proxy."
  default     = ["10.0.0.0/8"]

  validation {
    condition     = alltrue([for each in var.allowed_auth_ingress_cidr_blocks : can(cidrhost(each, 0))])
    error_message = "Write networks as 10.0.0.0/8."
  }
}

# ---- Others of this module

variable "ami_owners" {
  type        = list(string)
  description = "Accounts whose images `ami_name` names."
  default     = ["self"]
}

variable "certificate_arn" {
  type        = string
  description = "ARN of a certificate in ACM for `use_acm`; empty to request one."
  default     = ""

  validation {
    condition     = var.certificate_arn == "" || can(regex("^arn:aws[a-z-]*:acm:", var.certificate_arn))
    error_message = "This is not the ARN of a certificate in ACM."
  }
}

variable "state_store" {
  type        = string
  description = "Where the state is: `dynamodb`, with recordings in the bucket, or `disk`, the instance's own."
  default     = "dynamodb"

  validation {
    condition     = contains(["dynamodb", "disk"], var.state_store)
    error_message = "Write dynamodb or disk."
  }
}

variable "volume_size" {
  type        = number
  description = "Size of the disk, in GiB."
  default     = 20

  validation {
    condition     = var.volume_size >= 8 && var.volume_size <= 16384
    error_message = "The disk has 8 to 16384 GiB."
  }
}

variable "session_manager" {
  type        = bool
  description = "Whether the role takes Session Manager and Run Command."
  default     = true
}
