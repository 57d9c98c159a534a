// The life of an account through the real supabase-js: the auth server, then our own with its token.
import assert from 'node:assert/strict'
import { createClient } from '@supabase/supabase-js'
import { good, refused, rest, server } from './story.mjs'

const device = () =>
  createClient(server.sandboxUrl, server.anonKey, {
    auth: { persistSession: false, autoRefreshToken: false },
  }).auth
const admin = createClient(server.sandboxUrl, server.serviceKey, {
  auth: { persistSession: false, autoRefreshToken: false },
}).auth.admin

// The latest mail or text message to somebody.
const latest = async (to) => {
  const answer = await fetch(`${server.sandboxUrl}/sandbox/messages?to=${encodeURIComponent(to)}`)
  const { messages } = await answer.json()
  assert.ok(messages.length > 0, `there is no message to ${to}`)
  return messages[0]
}

const mark = Date.now().toString(36)
const email = `u${mark}@example.test`
const username = `hunter_${mark}`
const password = 'secret-123'

// An account
const phone = device()
const signedUp = await good(
  'signUp',
  phone.signUp({ email, password, options: { data: { username } } }),
)
assert.equal(signedUp.user.user_metadata.username, username)
await refused('signUp twice', 'user_already_exists', phone.signUp({ email, password }))
await refused('signUp weakly', 'weak_password', phone.signUp({ email: `x${email}`, password: 'abc' }))
await refused(
  'signUp at length',
  'validation_failed',
  phone.signUp({ email: `x${email}`, password: 'x'.repeat(73) }),
)
await refused(
  'signUp with a NUL',
  'validation_failed',
  phone.signUp({ email: `x${email}`, password, options: { data: { about: 'a\u0000b' } } }),
)

// Our server knows the person behind the token, by the name that they gave
const profile = await rest('GET', '/auth/me', signedUp.session.access_token)
assert.equal(profile.username, username)

// Its socket does, too: with the client that Node brings
const welcome = await new Promise((resolve, reject) => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/socket`)
  const hello = { type: 'hello', v: 1, token: signedUp.session.access_token }
  socket.onopen = () => socket.send(JSON.stringify(hello))
  socket.onmessage = ({ data }) => {
    resolve(JSON.parse(data))
    socket.close()
  }
  socket.onerror = reject
})
assert.equal(welcome.type, 'welcome')
assert.equal(welcome.userId, signedUp.user.id)

// Sessions
await refused(
  'signIn wrongly',
  'invalid_credentials',
  phone.signInWithPassword({ email, password: 'wrong' }),
)
const { session } = await good('signIn', phone.signInWithPassword({ email, password }))
const { user } = await good('getUser', phone.getUser())
assert.equal(user.email, email)
const refreshed = await good('refreshSession', phone.refreshSession())
assert.notEqual(refreshed.session.refresh_token, session.refresh_token)

// Changes
const changed = await good('updateUser data', phone.updateUser({ data: { name: 'N' } }))
assert.equal(changed.user.user_metadata.name, 'N')
const tablet = device()
await good('signIn on the tablet', tablet.signInWithPassword({ email, password }))
await good('updateUser password', phone.updateUser({ password: 'another-123' }))
await refused('the tablet is out', 'AuthSessionMissingError', tablet.getUser())
await refused(
  'signIn with the old password',
  'invalid_credentials',
  tablet.signInWithPassword({ email, password }),
)

const newEmail = `new-${email}`
const asked = await good('updateUser email', phone.updateUser({ email: newEmail }))
assert.equal(asked.user.email, email)
assert.equal(asked.user.new_email, newEmail)
await refused(
  'verifyOtp wrongly',
  'otp_expired',
  phone.verifyOtp({ email: newEmail, token: '000', type: 'email_change' }),
)
const { code } = await latest(newEmail)
const moved = await good(
  'verifyOtp of the new address',
  phone.verifyOtp({ email: newEmail, token: code, type: 'email_change' }),
)
assert.equal(moved.user.email, newEmail)
assert.equal((await good('getUser', phone.getUser())).user.email, newEmail)

const number = '+1555' + String(Date.now()).slice(-7)
await good('updateUser phone', phone.updateUser({ phone: number }))
const sms = await latest(number)
assert.equal(sms.channel, 'sms')
const reached = await good(
  'verifyOtp of the number',
  phone.verifyOtp({ phone: number, token: sms.code, type: 'phone_change' }),
)
assert.equal(reached.user.phone, number.slice(1))

// A forgotten password
await good('resetPasswordForEmail', tablet.resetPasswordForEmail(newEmail))
await good('resetPasswordForEmail of nobody', tablet.resetPasswordForEmail(`no-${email}`))
const reset = await latest(newEmail)
assert.equal(reset.about, 'recovery')
assert.ok(reset.text.includes(reset.code) && reset.text.includes(reset.link))
await good(
  'verifyOtp of the reset',
  tablet.verifyOtp({ email: newEmail, token: reset.code, type: 'recovery' }),
)
await refused(
  'verifyOtp twice',
  'otp_expired',
  tablet.verifyOtp({ email: newEmail, token: reset.code, type: 'recovery' }),
)
await good('updateUser password', tablet.updateUser({ password: 'a-third-123' }))

// Signing out
const again = { email: newEmail, password: 'a-third-123' }
await good('signIn', phone.signInWithPassword(again))
await good('signOut others', phone.signOut({ scope: 'others' }))
await refused('the tablet is out', 'AuthSessionMissingError', tablet.getUser())
await good('the phone is in', phone.getUser())
await good('signIn on the tablet', tablet.signInWithPassword(again))
await good('signOut local', phone.signOut({ scope: 'local' }))
const { session: kept } = await good('the tablet is in', tablet.refreshSession())
await good('signIn', phone.signInWithPassword(again))
await good('signOut global', phone.signOut({ scope: 'global' }))
await refused(
  'refresh after signOut',
  'refresh_token_not_found',
  tablet.refreshSession({ refresh_token: kept.refresh_token }),
)

// A ban
const { session: before } = await good('signIn', phone.signInWithPassword(again))
const { user: banned } = await good(
  'ban',
  admin.updateUserById(moved.user.id, { ban_duration: '24h' }),
)
assert.ok(banned.banned_until)
await refused('signIn while banned', 'user_banned', tablet.signInWithPassword(again))
await refused(
  'refresh while banned',
  'user_banned',
  phone.refreshSession({ refresh_token: before.refresh_token }),
)
await good('end the ban', admin.updateUserById(moved.user.id, { ban_duration: 'none' }))
await good('signIn again', tablet.signInWithPassword(again))
