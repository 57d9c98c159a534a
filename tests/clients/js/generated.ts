// The story of an offer with the client that openapi-typescript makes of /openapi.json (api.d.ts).
import createClient from 'openapi-fetch'
import type { components, paths } from './api.js'

declare const process: { env: Record<string, string> }
const server: { url: string } = JSON.parse(process.env.SERVED)
const client = createClient<paths>({ baseUrl: server.url })

const right = (holds: boolean, what: string) => {
  if (!holds) throw new Error(what)
  console.log(`ok       ${what}`)
}

const name = `ts_${Date.now().toString(36)}`
const password = 'correct horse battery'
const registered = await client.POST('/auth/register', {
  body: { email: `${name}@example.com`, password, username: name, age_confirmed: true },
})
right(registered.response.status === 201, 'registered')

const signedIn = await client.POST('/auth/sign-in', { body: { identifier: name, password } })
if (!signedIn.data) throw new Error(`sign-in: ${signedIn.error.message}`)
const headers = { authorization: `Bearer ${signedIn.data.token}` }

const made = await client.POST('/api/bounties', {
  headers,
  body: {
    title: 'Paint the fence',
    description: 'Two coats of green paint, please.',
    is_for_honor: true,
  },
})
if (!made.data) throw new Error(`bounty: ${made.error.message}`)
const bounty: components['schemas']['BountyView'] = made.data
right(bounty.is_for_honor && bounty.status === 'open', 'an offer for honor is open')

const read = await client.GET('/api/bounties/{bounty_id}', { params: { path: { bounty_id: bounty.id } } })
right(read.data?.title === 'Paint the fence', 'anybody reads it')

const refused = await client.POST('/api/bounties', {
  headers,
  body: { title: 'No', description: 'Too short.', is_for_honor: true },
})
const problem: components['schemas']['Problem'] | undefined = refused.error
right(problem?.code === 'VALIDATION_ERROR', 'a refusal is a problem with a code')
