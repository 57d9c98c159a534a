// What all scripts here need: where the server is, and words for what should go well or be refused.
import assert from 'node:assert/strict'

// url, sandboxUrl, anonKey, serviceKey, stripeKey, webhookSecret (tests/clients/conftest.py)
export const server = JSON.parse(process.env.SERVED)

// The data of a call of supabase-js that must go well.
export const good = async (name, call) => {
  const { data, error } = await call
  assert.equal(error, null, `${name}: ${error?.status} ${error?.code} ${error?.message}`)
  console.log(`ok       ${name}`)
  return data
}

// A call of supabase-js that must be refused with this code, or by the name of what it makes of it.
export const refused = async (name, code, call) => {
  const { error } = await call
  assert.equal(error?.code ?? error?.name, code, `${name}: ${error?.message}`)
  console.log(`refused  ${name} (${code})`)
}

// A call of our REST API with a person's token; the decoded body when its status is as expected.
export const rest = async (method, path, token, body, status = 200) => {
  const answer = await fetch(server.url + path, {
    method,
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: body && JSON.stringify(body),
  })
  const text = await answer.text()
  assert.equal(answer.status, status, `${method} ${path}: ${text}`)
  console.log(`${answer.status}      ${method} ${path}`)
  return JSON.parse(text)
}
