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
  description = "Name of the bucket to create, for session recordings, backups and certificates."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.s3_bucket_name)) && !can(regex("[.][.]|^xn--|^sthree-|-s3alias$|--ol-s3$|^([0-9]+[.]){3}[0-9]+$", var.s3_bucket_name))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens, in a form that S3 takes."
  }
}

variable "email" {
  type        = string
  description = "The address that Let's Encrypt has for the certificate. Needed without `use_acm`."
  default     = ""

  validation {
    condition     = var.email == "" || can(regex("^[A-Za-z0-9!#%&'*+/=?^_{|}~.-]{1,64}@[A-Za-z0-9.-]+$", var.email))
    error_message = "This is not a mail address."
  }
}

variable "key_name" {
  type        = string
  description = "Name of an EC2 key pair of the instances; empty for none, which Session Manager makes unnecessary."
  default     = ""
}

variable "use_acm" {
  type        = bool
  description = "Whether an application load balancer ends TLS with a certificate from ACM. Otherwise the proxies end it, with one from Let's Encrypt."
  default     = false
}

variable "use_tls_routing" {
  type        = bool
  description = "Whether every protocol uses the web port."
  default     = false
}

variable "route53_domain_acm_nlb_alias" {
  type        = string
  description = "Name of the proxies' network load balancer, instead of `nlb.` and the domain. It counts with `use_acm` and without TLS routing; then PostgreSQL has port 443 there."
  default     = ""

  validation {
    condition     = var.route53_domain_acm_nlb_alias == "" || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z][a-z0-9-]{0,61}[a-z0-9]$", var.route53_domain_acm_nlb_alias))
    error_message = "Write a DNS name in lower case, without a dot at its end."
  }
}

variable "auth_instance_type" {
  type        = string
  description = "Type of the auth servers, which has to fit the image's architecture."
  default     = "m6i.large"
}

variable "proxy_instance_type" {
  type        = string
  description = "Type of the proxies."
  default     = "m6i.large"
}

variable "node_instance_type" {
  type        = string
  description = "Type of the nodes."
  default     = "t3.medium"
}

variable "allowed_proxy_ingress_cidr_blocks" {
  type        = list(string)
  description = "Networks that reach the load balancers of the proxies: people and agents."
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for each in var.allowed_proxy_ingress_cidr_blocks : can(cidrhost(each, 0))])
    error_message = "Write networks as 192.0.2.0/24."
  }
}

variable "allowed_proxy_egress_cidr_blocks" {
  type        = list(string)
  description = "Networks that the proxies reach; they need AWS."
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for each in var.allowed_proxy_egress_cidr_blocks : can(cidrhost(each, 0))])
    error_message = "Write networks as 192.0.2.0/24."
  }
}

variable "allowed_auth_egress_cidr_blocks" {
  type        = list(string)
  description = "Networks that the auth servers reach; they need AWS, and Let's Encrypt where that is used."
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for each in var.allowed_auth_egress_cidr_blocks : can(cidrhost(each, 0))])
    error_message = "Write networks as 192.0.2.0/24."
  }
}

variable "allowed_node_egress_cidr_blocks" {
  type        = list(string)
  description = "Networks that the nodes reach; they need AWS."
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for each in var.allowed_node_egress_cidr_blocks : can(cidrhost(each, 0))])
    error_message = "Write networks as 192.0.2.0/24."
  }
}

variable "kms_alias_name" {
  type        = string
  description = "Alias of the KMS key that encrypts SSM parameters and the bucket; empty to create one. With `alias/aws/ssm`, parameters have AWS's own key, and the bucket S3's."
  default     = ""

  validation {
    condition     = var.kms_alias_name == "" || can(regex("^alias/[A-Za-z0-9/_-]{1,250}$", var.kms_alias_name))
    error_message = "An alias is written as alias/NAME."
  }
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

variable "enable_auth_asg_instance_refresh" {
  type        = bool
  description = "Whether a change replaces the auth servers, one after the other. For a new major version of Teleport, set it to false, and `auth_instances` to 1, for the time of the upgrade."
  default     = true
}

variable "enable_proxy_asg_instance_refresh" {
  type        = bool
  description = "Whether a change replaces the proxies, one after the other."
  default     = true
}

variable "enable_node_asg_instance_refresh" {
  type        = bool
  description = "Whether a change replaces the nodes, one after the other."
  default     = true
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

variable "instance_subnet_ids" {
  type        = list(string)
  description = "Subnets of the instances: private ones of two zones at least, with a way to AWS."

  validation {
    condition     = length(var.instance_subnet_ids) >= 2 && alltrue([for each in var.instance_subnet_ids : can(regex("^subnet-[0-9a-f]+$", each))])
    error_message = "Name two subnets at least, as subnet-0123456789abcdef0."
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

variable "auth_instances" {
  type        = number
  description = "Number of auth servers."
  default     = 2

  validation {
    condition     = var.auth_instances >= 1 && var.auth_instances <= 5 && floor(var.auth_instances) == var.auth_instances
    error_message = "There are 1 to 5 instances."
  }
}

variable "proxy_instances" {
  type        = number
  description = "Number of proxies."
  default     = 2

  validation {
    condition     = var.proxy_instances >= 1 && var.proxy_instances <= 20 && floor(var.proxy_instances) == var.proxy_instances
    error_message = "There are 1 to 20 instances."
  }
}

variable "node_instances" {
  type        = number
  description = "Number of nodes."
  default     = 0

  validation {
    condition     = var.node_instances >= 0 && var.node_instances <= 50 && floor(var.node_instances) == var.node_instances
    error_message = "There are 0 to 50 instances."
  }
}

variable "volume_size" {
  type        = number
  description = "Size of each disk, in GiB."
  default     = 20

  validation {
    condition     = var.volume_size >= 8 && var.volume_size <= 16384
    error_message = "The disk has 8 to 16384 GiB."
  }
}

variable "session_manager" {
  type        = bool
  description = "Whether the roles take Session Manager and Run Command."
  default     = true
}

variable "alarm_topic_arn" {
  type        = string
  description = "ARN of the SNS topic that gets the alarms; empty for alarms that only show in CloudWatch."
  default     = ""

  validation {
    condition     = var.alarm_topic_arn == "" || can(regex("^arn:aws[a-z-]*:sns:", var.alarm_topic_arn))
    error_message = "This is not the ARN of a topic."
  }
}
