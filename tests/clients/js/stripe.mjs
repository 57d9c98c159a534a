// The life of a payment through the real stripe-node: against the emulator, and through our server.
import assert from 'node:assert/strict'
import Stripe from 'stripe'
import { rest, server } from './story.mjs'

const { hostname, port } = new URL(server.sandboxUrl)
const stripe = new Stripe(server.stripeKey, {
  host: hostname,
  port,
  protocol: 'http',
  maxNetworkRetries: 0,
  telemetry: false,
})

const rejected = async (name, expected, call) => {
  const error = await call.then(() => null, (error) => error)
  assert.ok(error, `${name} went well`)
  for (const [field, value] of Object.entries(expected)) {
    assert.equal(error[field], value, `${name}: ${field}: ${error.message}`)
  }
  console.log(`rejected ${name}`)
}

// Customers.
const email = `u${Date.now()}@example.test`
const customer = await stripe.customers.create({ email, metadata: { from: 'node' } })
assert.equal((await stripe.customers.retrieve(customer.id)).email, email)
assert.equal((await stripe.customers.update(customer.id, { name: 'N' })).name, 'N')
await rejected(
  'a customer that is not there',
  { type: 'StripeInvalidRequestError', code: 'resource_missing', statusCode: 404 },
  stripe.customers.retrieve('cus_none'),
)

// Intents: created, confirmed, declined, captured later.
const usd = { amount: 2500, currency: 'usd', customer: customer.id }
const intent = await stripe.paymentIntents.create({ ...usd, metadata: { a: '1' } })
assert.equal(intent.status, 'requires_payment_method')
await rejected(
  'a declined card',
  { type: 'StripeCardError', code: 'card_declined', decline_code: 'insufficient_funds' },
  stripe.paymentIntents.confirm(intent.id, {
    payment_method: 'pm_card_visa_chargeDeclinedInsufficientFunds',
  }),
)
const paid = await stripe.paymentIntents.confirm(intent.id, {
  payment_method: 'pm_card_visa',
  expand: ['latest_charge.customer', 'customer'],
})
assert.equal(paid.status, 'succeeded')
assert.equal(paid.amount_received, 2500)
assert.equal(paid.customer.email, email)
assert.equal(paid.latest_charge.customer.id, customer.id)
await rejected(
  'a second confirmation',
  { code: 'payment_intent_unexpected_state', statusCode: 400 },
  stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa' }),
)

const held = await stripe.paymentIntents.create({
  ...usd,
  capture_method: 'manual',
  confirm: true,
  payment_method: 'pm_card_visa',
  automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
})
assert.equal(held.status, 'requires_capture')
const taken = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 1000 })
assert.equal(taken.amount_received, 1000)
const gone = await stripe.paymentIntents.create(usd)
assert.equal((await stripe.paymentIntents.cancel(gone.id)).status, 'canceled')

// Refunds.
const part = await stripe.refunds.create({ payment_intent: intent.id, amount: 500 })
assert.equal(part.status, 'succeeded')
const rest_ = await stripe.refunds.create({ charge: paid.latest_charge.id })
assert.equal(rest_.amount, 2000)
await rejected(
  'a refund of nothing',
  { code: 'charge_already_refunded' },
  stripe.refunds.create({ payment_intent: intent.id }),
)
const refunds = await stripe.refunds.list({ payment_intent: intent.id }).autoPagingToArray({ limit: 9 })
assert.deepEqual(refunds.map((each) => each.id), [rest_.id, part.id])

// The same request with its key is the same answer; another with that key is refused.
const once = { idempotencyKey: `node-${Date.now()}` }
const first = await stripe.customers.create({ email }, once)
assert.equal((await stripe.customers.create({ email }, once)).id, first.id)
await rejected(
  'a key for another request',
  { type: 'StripeIdempotencyError' },
  stripe.customers.create({ email: `x${email}` }, once),
)
await rejected(
  'a key that is none',
  { type: 'StripeAuthenticationError', statusCode: 401 },
  new Stripe('sk_test_wrong', { host: hostname, port, protocol: 'http' }).customers.list(),
)
await rejected(
  'an address where nothing is',
  { type: 'StripeInvalidRequestError', statusCode: 404 },
  stripe.rawRequest('GET', '/v1/nothing'),
)

// More than a page of objects, forwards and backwards; each is seen once.
const many = await stripe.customers.create({ email })
const made = []
for (let batch = 0; batch < 21; batch += 1) {
  const five = Array.from({ length: 5 }, () =>
    stripe.paymentIntents.create({ amount: 500, currency: 'usd', customer: many.id }),
  )
  made.push(...(await Promise.all(five)).map((each) => each.id))
}
const seen = []
for await (const each of stripe.paymentIntents.list({ customer: many.id, limit: 40 })) {
  seen.push(each.id)
}
assert.equal(seen.length, 105)
assert.deepEqual([...seen].sort(), [...made].sort())
const back = []
const before = { customer: many.id, limit: 40, ending_before: seen.at(-1) }
for await (const each of stripe.paymentIntents.list(before)) back.push(each.id)
assert.deepEqual(back, seen.slice(0, -1).reverse())
const page = await stripe.paymentIntents.list({
  customer: customer.id,
  created: { gte: intent.created },
  expand: ['data.latest_charge'],
})
assert.ok(page.data.some((each) => each.latest_charge?.object === 'charge'))
const none = await stripe.paymentIntents.list({ customer: customer.id, created: { lt: 1 } })
assert.deepEqual(none.data, [])
console.log('ok       auto-paging')

// Webhooks: what the emulator signs is good to their verifier, what they sign is good to us.
const event = stripe.webhooks.constructEvent(server.event, server.signature, server.webhookSecret)
assert.equal(event.type, 'payment_intent.created')
assert.throws(() =>
  stripe.webhooks.constructEvent(`${server.event} `, server.signature, server.webhookSecret),
)
const deliver = async (secret) => {
  const listed = await stripe.events.list({ type: 'payment_intent.created', limit: 1 })
  const payload = JSON.stringify(listed.data[0])
  const answer = await fetch(`${server.url}/webhooks/stripe`, {
    method: 'POST',
    headers: { 'stripe-signature': stripe.webhooks.generateTestHeaderString({ payload, secret }) },
    body: payload,
  })
  return answer.status
}
assert.equal(await deliver(server.webhookSecret), 200)
assert.equal(await deliver('whsec_wrong'), 400)
console.log('ok       webhooks')

// The app confirms with the SDK of Stripe, and then tells our server.
const name = `node${Date.now()}`
const person = { email: `${name}@example.test`, username: name, password: 'correct horse' }
await rest('POST', '/auth/register', null, person, 201)
const { token } = await rest('POST', '/auth/sign-in', null, { email: person.email, password: person.password })
const ours = await rest('POST', '/payments/create-payment-intent', token, {
  amountCents: 2500,
  currency: 'usd',
})
assert.equal(
  (await stripe.paymentIntents.retrieve(ours.paymentIntentId)).metadata.purpose,
  'wallet_deposit',
)
await stripe.paymentIntents.confirm(ours.paymentIntentId, { payment_method: 'pm_card_visa' })
const answer = await rest('POST', '/payments/confirm', token, {
  paymentIntentId: ours.paymentIntentId,
  paymentMethodId: 'pm_card_visa',
})
assert.equal(answer.status, 'succeeded')
assert.equal((await rest('GET', '/wallet/balance', token)).balance, 25)
