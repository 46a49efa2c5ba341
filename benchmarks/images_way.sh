#!/bin/bash
# What the shell scripts of the public images do at the first boot of an auth server and of a node: they source the conf,
# ask the metadata service with curl, with a token for each item, and SSM with the AWS command line, once for each
# parameter. It was written for the benchmark, from what those scripts ask and write.
#
# Left out, as the benchmark of the agent leaves it out: enabling and starting units. ROOT is the scratch root,
# METADATA_URL and AWS_URL are the simulated services, AWS_PROGRAM is the command line, in front of its arguments.
set -e
set -o pipefail

yaml=$ROOT/etc/teleport.yaml
data=$ROOT/var/lib/teleport

if [ -f "$yaml" ]; then
    echo "$yaml exists"
    exit 0
fi

# shellcheck source=/dev/null
source "$ROOT/etc/teleport.d/conf"

item() {
    local token
    token=$(curl -m5 -sS -X PUT "$METADATA_URL/latest/api/token" -H "X-aws-ec2-metadata-token-ttl-seconds: 300")
    curl -m5 -sS "${@:2}" -H "X-aws-ec2-metadata-token: $token" "$METADATA_URL/latest/meta-data/$1"
}

parameter() {
    # shellcheck disable=SC2086  # an interpreter and a script
    $AWS_PROGRAM ssm get-parameter "${@:2}" --name "/teleport/$TELEPORT_CLUSTER_NAME/$1" --region "$EC2_REGION" \
        --query Parameter.Value --output text --endpoint-url "$AWS_URL"
}

address=$(item local-ipv4)
nodename=$(item local-hostname)
nodename=${nodename//./-}
if item public-ipv4 -i | grep -q 404; then
    public=$address
else
    public=$(item public-ipv4)
fi
export public

if getent passwd root >/dev/null 2>&1 && getent group root >/dev/null 2>&1; then
    [ -d "$data" ] || mkdir -p "$data"
    chown -R root:root "$data"
fi
touch "$yaml"
chmod 664 "$yaml"
if [ "$USE_ACM" != true ]; then
    rm -f "$ROOT/etc/teleport.d/role.all-acm"
    echo use-letsencrypt >"$ROOT/etc/teleport.d/use-letsencrypt"
fi

second_factor="second_factor: on
    webauthn:
      rp_id: $TELEPORT_DOMAIN_NAME"
if grep ExecStart "$UNIT" | grep -q fips; then
    second_factor="local_auth: false
    $second_factor"
fi

echo "$TELEPORT_ROLE" >"$ROOT/etc/teleport.d/role.$TELEPORT_ROLE"
case $TELEPORT_ROLE in
    auth)
        cat >"$yaml" <<END
teleport:
  nodename: $nodename
  advertise_ip: $address
  log:
    output: stderr
    severity: INFO
  data_dir: /var/lib/teleport
  storage:
    type: dynamodb
    region: $EC2_REGION
    table_name: $TELEPORT_DYNAMO_TABLE_NAME
    audit_events_uri: dynamodb://$TELEPORT_DYNAMO_EVENTS_TABLE_NAME
    audit_sessions_uri: s3://$TELEPORT_S3_BUCKET/records

ssh_service:
  enabled: no

proxy_service:
  enabled: no

auth_service:
  enabled: yes
  public_addr: $TELEPORT_AUTH_SERVER_LB:3025
  keep_alive_interval: 1m
  keep_alive_count_max: 3
  listen_addr: 0.0.0.0:3025
  authentication:
    $second_factor
  cluster_name: $TELEPORT_CLUSTER_NAME
END
        if [ "$TELEPORT_LICENSE_PATH" != "" ]; then
            parameter license --with-decryption >"$data/license.pem"
            chown root:root "$data/license.pem"
            echo "  license_file: /var/lib/teleport/license.pem" >>"$yaml"
        fi
        ;;
    node)
        cat >"$yaml" <<END
version: v3
teleport:
  auth_token: /var/lib/teleport/token
  ca_pin: PIN_PLACEHOLDER
  nodename: $nodename
  advertise_ip: $address
  log:
    output: stderr
    severity: INFO
  data_dir: /var/lib/teleport
  storage:
    type: dir
    path: /var/lib/teleport/backend
  auth_server: $TELEPORT_AUTH_SERVER_LB:3025

auth_service:
  enabled: no

ssh_service:
  enabled: yes
  listen_addr: 0.0.0.0:3022

proxy_service:
  enabled: no
END
        # In the images a second script, which is started after this one.
        parameter tokens/node --with-decryption >"$data/token"
        old=$(grep ca_pin "$yaml" | cut -d: -f2- | tr -d ' ')
        pin=$(parameter ca-pin-hash)
        echo "$pin" >"$data/ca-pin-hash"
        if [ "$pin" != "$old" ]; then
            cp "$yaml" "$data/changed.yaml"
            sed -i "s/$old/$pin/g" "$data/changed.yaml"
            cp "$data/changed.yaml" "$yaml"
            rm -f "$data/changed.yaml"
        fi
        ;;
esac
