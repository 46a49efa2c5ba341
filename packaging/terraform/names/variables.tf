variable "zone_id" {
  type        = string
  description = "Id of the hosted zone."
}

variable "domain" {
  type        = string
  description = "The domain of the cluster."
}

variable "has_wildcard" {
  type        = bool
  description = "Whether names below the domain lead to the cluster too."
}

variable "requests_certificate" {
  type        = bool
  description = "Whether to request a certificate from ACM."
}

variable "web" {
  type        = object({ dns_name = string, zone_id = string })
  description = "The load balancer of the web."
}

variable "auth_name" {
  type        = string
  description = "Name of the auth servers."
}

variable "auth" {
  type        = object({ dns_name = string, zone_id = string })
  description = "The load balancer of the auth servers."
}

variable "proxy_name" {
  type        = string
  description = "Name of the network load balancer of the proxies; empty where the domain leads there."
}

variable "proxy" {
  type        = object({ dns_name = string, zone_id = string })
  description = "The network load balancer of the proxies; it does not count without `proxy_name`."
}

variable "tags" {
  type        = map(string)
  description = "Tags of the certificate."
}
