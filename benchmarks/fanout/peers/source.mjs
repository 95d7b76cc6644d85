// What a peer in Node tells: events of memory, and a queue for each subscriber.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createSchema } from 'graphql-yoga'
import { GraphQLScalarType } from 'graphql'

const [port, control] = process.argv.slice(2, 4).map(Number)
const told = JSON.parse(readFileSync(process.argv[4], 'utf8'))
export { port }

const sessions = new Map() // sets of subscribers, by session
let version = told.snapshot.version

const stamped = (event) => ({ ...event, version, asOf: new Date() })

class Subscriber {
  #events = [stamped(told.snapshot)]
  #waiting = null
  #others

  constructor(sessionId) {
    if (!sessions.has(sessionId)) sessions.set(sessionId, new Set())
    this.#others = sessions.get(sessionId).add(this)
  }

  tell(event) {
    if (this.#waiting) this.#waiting({ value: event, done: false })
    else this.#events.push(event)
    this.#waiting = null
  }

  next() {
    if (this.#events.length) return Promise.resolve({ value: this.#events.shift(), done: false })
    return new Promise((resolve) => { this.#waiting = resolve })
  }

  return() {
    this.#others.delete(this)
    this.#waiting?.({ value: undefined, done: true })
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator]() { return this }
}

function publish() {
  version += 1
  for (const subscribers of sessions.values()) {
    const event = stamped(told.change)
    for (const one of subscribers) one.tell(event)
  }
}

// Publishes once for each byte on the control port.
export function takeOrders() {
  createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (orders) => { for (let i = 0; i < orders.length; i++) publish() })
  }).listen(control, '127.0.0.1')
}

export const schema = createSchema({
  typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
  resolvers: {
    DateTime: new GraphQLScalarType({ name: 'DateTime', serialize: (moment) => moment.toISOString() }),
    PresenceEvent: { __resolveType: (event) => event.__typename },
    Subscription: {
      sessionPresence: {
        subscribe: (_, { sessionId }) => new Subscriber(sessionId),
        resolve: (event) => event,
      },
    },
  },
})
