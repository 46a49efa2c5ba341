// Reads {policies, requests} from standard input, and prints for each policy which of the requests it allows.
//
// A policy is one of IAM's; a request has action, resource and context. Where the simulator finds that a request cannot
// be (an action that does not exist, a resource or a key that the action does not know), its words are printed instead.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

// The simulator ignores keys whose names have a free part, such as this one. Another key of the same type, which is used
// for nothing else here, takes its place in policies and requests.
const input = readFileSync(0, 'utf8').replaceAll('kms:EncryptionContext:PARAMETER_ARN', 'aws:SourceIdentity')

const account = '123456789012'
const principal = `arn:aws:iam::${account}:role/teleport-role`
const { policies, requests } = JSON.parse(input)

const judged = async (policy, request) => {
  const simulation = {
    request: {
      principal,
      action: request.action,
      resource: { resource: request.resource, accountId: account },
      contextVariables: request.context,
    },
    identityPolicies: [{ name: 'printed', policy }],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    // The key policy of a KMS key leaves it to IAM, as that of a new key does.
    ...(request.action.startsWith('kms:') && {
      resourcePolicy: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' }],
      },
    }),
  }
  const found = await runSimulation(simulation, {})
  if (found.resultType === 'error') {
    return JSON.stringify(found.errors)
  }
  const ignored = found.result?.ignoredContextKeys ?? []
  if (ignored.length) {
    return `${request.action} has no key ${ignored}`
  }
  return found.overallResult === 'Allowed'
}

const answers = []
for (const policy of policies) {
  answers.push(await Promise.all(requests.map((request) => judged(policy, request))))
}
console.log(JSON.stringify(answers))
