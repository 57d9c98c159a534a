// The life of a session through the real supabase-js.
import assert from 'node:assert/strict'
import { createClient } from '@supabase/supabase-js'
import { good, refused, server } from './story.mjs'

const { auth } = createClient(server.sandboxUrl, server.anonKey, {
  auth: { persistSession: false, autoRefreshToken: false },
})
const email = `u${Date.now()}@example.test`
const password = 'secret-123'

const options = { data: { username: 'hunter' } }
await good('signUp', auth.signUp({ email, password, options }))
await refused('signUp twice', 'user_already_exists', auth.signUp({ email, password }))
await refused('signUp weakly', 'weak_password', auth.signUp({ email: `x${email}`, password: 'abc' }))
await refused(
  'signIn wrongly',
  'invalid_credentials',
  auth.signInWithPassword({ email, password: 'wrong' }),
)

const { session } = await good('signIn', auth.signInWithPassword({ email, password }))
assert.equal(session.user.user_metadata.username, 'hunter')
const { user } = await good('getUser', auth.getUser())
assert.equal(user.email, email)
const refreshed = await good('refreshSession', auth.refreshSession())
assert.notEqual(refreshed.session.refresh_token, session.refresh_token)
const changed = await good('updateUser', auth.updateUser({ data: { name: 'N' } }))
assert.equal(changed.user.user_metadata.name, 'N')
await good('signOut', auth.signOut())
await refused(
  'refresh after signOut',
  'refresh_token_not_found',
  auth.refreshSession({ refresh_token: refreshed.session.refresh_token }),
)
