# An AMI with Teleport and teleport-bootstrap, and nothing that belongs to one instance: docs/image-building.md.

locals {
  bases = {
    amazon-linux-2023 = {
      owner  = "137112412989"
      name   = "al2023-ami-2023.*-kernel-*-${var.architecture}"
      user   = "ec2-user"
      device = "/dev/xvda"
      suffix = "rpm"
    }
    debian-12 = {
      owner  = "136693071363"
      name   = "debian-12-${local.debian_architecture}-*"
      user   = "admin"
      device = "/dev/xvda"
      suffix = "deb"
    }
  }
  debian_architecture = var.architecture == "x86_64" ? "amd64" : "arm64"

  base     = local.bases[var.base]
  archive  = "teleport${var.edition == "enterprise" ? "-ent" : ""}-v${var.teleport_version}-linux-${local.debian_architecture}${var.fips ? "-fips" : ""}-bin.tar.gz"
  built_at = formatdate("YYYYMMDD-hhmmss", timestamp())
  kind     = "${var.edition}${var.fips ? "-fips" : ""}"
}

source "amazon-ebs" "teleport" {
  region        = var.region
  subnet_id     = var.subnet_id
  instance_type = var.instance_type

  source_ami_filter {
    owners      = [local.base.owner]
    most_recent = true
    filters = {
      name                = local.base.name
      architecture        = var.architecture
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
  }

  ami_name        = "${var.name_prefix}-${local.kind}-${var.teleport_version}-${var.base}-${var.architecture}-${local.built_at}"
  ami_description = "Teleport ${var.teleport_version} ${local.kind}, configured by /etc/teleport.d/conf"
  ami_users       = var.ami_users
  encrypt_boot    = true
  kms_key_id      = var.kms_key_id

  # Instances of the image, and the one that builds it, use version 2 of the metadata service only.
  imds_support = "v2.0"
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  launch_block_device_mappings {
    device_name           = local.base.device
    volume_type           = "gp3"
    iops                  = 3000
    throughput            = 125
    volume_size           = var.volume_gigabytes
    encrypted             = true
    delete_on_termination = true
  }

  ssh_username            = local.base.user
  temporary_key_pair_type = "ed25519"

  tags = {
    Name            = "${var.name_prefix} ${var.teleport_version} ${local.kind}"
    TeleportVersion = var.teleport_version
    TeleportEdition = local.kind
    Base            = "{{ .SourceAMIName }}"
  }
}

build {
  sources = ["source.amazon-ebs.teleport"]

  provisioner "shell" {
    inline = ["command -v cloud-init >/dev/null && cloud-init status --wait >/dev/null || true"]
  }

  provisioner "file" {
    source      = var.package
    destination = "/tmp/teleport-bootstrap.${local.base.suffix}"
  }

  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} sh '{{ .Path }}'"
    environment_vars = [
      "TELEPORT_VERSION=${var.teleport_version}",
      "TELEPORT_EDITION=${var.edition}",
      "TELEPORT_FIPS=${var.fips}",
      "TELEPORT_URL=${var.download_url}/${local.archive}",
      "TELEPORT_SHA256=${var.teleport_sha256}",
    ]
    script = "${path.root}/scripts/install-teleport.sh"
  }

  provisioner "shell" {
    execute_command  = "sudo env {{ .Vars }} sh '{{ .Path }}'"
    environment_vars = ["PACKAGE=/tmp/teleport-bootstrap.${local.base.suffix}"]
    script           = "${path.root}/scripts/install-agent.sh"
  }

  # The last one, since no login is possible afterwards. It fails, and with it the build, if seal finds anything.
  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} sh '{{ .Path }}'"
    script          = "${path.root}/scripts/clean-and-seal.sh"
  }
}
