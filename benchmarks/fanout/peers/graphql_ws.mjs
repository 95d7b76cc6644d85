// graphql-ws on ws, as its documentation shows it. Arguments: port, control port, file of answers.
import { createServer } from 'node:http'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import { port, schema, takeOrders } from './source.mjs'

const server = createServer()
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }))
server.listen({ port, host: '127.0.0.1', backlog: 4096 }, takeOrders)
