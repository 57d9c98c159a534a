// The life of a session through the real supabase-js, against a running sandbox. A check by hand:
//
//   npm install --no-save @supabase/supabase-js ws
//   node tests/js/supabase_session.mjs http://127.0.0.1:3002 <anon key>
//
// tests/integration/sandbox/test_supabase_js.py sends the same requests without Node.
import assert from 'node:assert/strict'
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'

const [, , url, anonKey] = process.argv
const { auth } = createClient(url, anonKey, {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: ws },
})
const email = `u${Date.now()}@example.test`
const password = 'secret-123'

const good = async (name, call) => {
  const { data, error } = await call
  assert.equal(error, null, `${name}: ${error?.message}`)
  console.log(`ok       ${name}`)
  return data
}

const refused = async (name, code, call) => {
  const { error } = await call
  assert.equal(error?.code, code, name)
  console.log(`refused  ${name} (${code})`)
}

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
await good('resetPasswordForEmail', auth.resetPasswordForEmail(email))
await good('signOut', auth.signOut())
await refused(
  'refresh after signOut',
  'refresh_token_not_found',
  auth.refreshSession({ refresh_token: refreshed.session.refresh_token }),
)
