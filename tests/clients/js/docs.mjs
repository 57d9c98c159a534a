// The reference pages in a browser: what their script does for a reader.
import assert from 'node:assert/strict'

import { JSDOM } from 'jsdom'

import { rest, server } from './story.mjs'

const opened = async (path) => {
  const { window } = await JSDOM.fromURL(server.url + path, {
    runScripts: 'dangerously',
    pretendToBeVisual: true,
    beforeParse(window) {
      window.fetch = (url, init) => fetch(String(url), init)
      window.scrollTo = () => {}
      window.Element.prototype.scrollIntoView = function () { window.shown = this.id }
      window.copied = []
      const writeText = async (text) => { window.copied.push(text) }
      Object.defineProperty(window.navigator, 'clipboard', { value: { writeText } })
    },
  })
  if (window.document.readyState !== 'complete') {
    await new Promise((resolve) => window.addEventListener('load', resolve))
  }
  return window
}

const typed = (window, box, text) => {
  box.value = text
  box.dispatchEvent(new window.Event('input', { bubbles: true }))
}

const until = async (asked) => {
  for (let tries = 0; !asked(); tries += 1) {
    assert(tries < 3_000, `this never came: ${asked}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

// What the call of an operation answers; jsdom opens its details without telling them.
const tried = async (window, entry) => {
  entry.open = true
  entry.dispatchEvent(new window.Event('toggle'))
  entry.querySelector('form button').click()
  const reply = entry.querySelector('form pre')
  await until(() => /^\d{3} /.test(reply.textContent))
  return reply.textContent
}

const person = { email: 'reader@example.com', password: 'a long pass phrase 1', username: 'reader_of_docs' }
await rest('POST', '/auth/register', null, person, 201)
const { access_token: token } = (await rest('POST', '/auth/sign-in', null, person)).session

const page = await opened('/docs#bounty.create')
const find = (id) => page.document.getElementById(id)

assert.equal(find('bounty.create').open, true, 'a linked operation is open')
assert.equal(page.shown, 'bounty.create')
assert.equal(find('bounty.create').querySelector('a.link').getAttribute('href'), '#bounty.create')
page.location.hash = '#bounty.list'
await until(() => find('bounty.list').open)
console.log('ok       links')

typed(page, find('search'), 'escrow PRICE')
assert.equal(find('bounty.create').hidden, false)
assert.equal(find('auth.sign_in').hidden, true)
assert.equal(find('auth').closest('section').hidden, true, 'an area without a find is hidden')
typed(page, find('search'), '')
assert.equal(find('auth.sign_in').hidden, false)
console.log('ok       search')

const [address] = page.document.querySelectorAll('main > pre')
assert.match(address.textContent, new RegExp(`^export URL=${server.url} `))
address.querySelector('button').click()
await until(() => page.copied.length)
assert.deepEqual(page.copied, [`export URL=${server.url} TOKEN=…`])
console.log('ok       copy')

const [me, list] = [find('auth.me'), find('bounty.list')]
assert.match(await tried(page, me), /^401 /, 'without a token')
typed(page, find('token'), ` ${token} `)
await until(() => page.sessionStorage.getItem('bountyexpo.token') === token)
me.querySelector('form pre').textContent = ''
assert.match(await tried(page, me), /^200 [^]*"username": "reader_of_docs"/)
assert.match(await tried(page, list), /"limit": 20/)
list.querySelector('form').elements.limit.value = '7'
list.querySelector('form pre').textContent = ''
assert.match(await tried(page, list), /"limit": 7/)
assert.match(await tried(page, find('bounty.get')), /^404 /, 'the example names no bounty')
assert.match(await tried(page, find('bounty.create')), /^4\d\d [^]*"code"/)
console.log('ok       calls')
page.close()

const socket = await opened('/docs/socket')
typed(socket, socket.document.getElementById('search'), 'typing')
const rows = [...socket.document.querySelectorAll('tr.item')]
assert(rows.some((row) => row.hidden) && rows.some((row) => !row.hidden))
assert(rows.filter((row) => !row.hidden).every((row) => /typing/i.test(row.textContent)))
console.log('ok       socket page')
socket.close()
