// GraphQL Yoga with graphql-ws, as its documentation shows it.
// Arguments: port, control port, file of answers, and `jit` to compile documents.
import { createServer } from 'node:http'
import { useGraphQlJit } from '@envelop/graphql-jit'
import { useServer } from 'graphql-ws/use/ws'
import { createYoga } from 'graphql-yoga'
import { WebSocketServer } from 'ws'
import { port, schema, takeOrders } from './source.mjs'

const plugins = process.argv[5] === 'jit' ? [useGraphQlJit()] : []
const yoga = createYoga({ schema, plugins, logging: false })
const server = createServer(yoga)

async function prepare(context, _id, payload) {
  const { request, socket } = context.extra
  const enveloped = yoga.getEnveloped({ ...context, req: request, socket, params: payload })
  const { execute, subscribe } = enveloped
  const prepared = {
    schema: enveloped.schema,
    document: enveloped.parse(payload.query),
    operationName: payload.operationName,
    variableValues: payload.variables,
    contextValue: await enveloped.contextFactory(),
    rootValue: { execute, subscribe },
  }
  const errors = enveloped.validate(prepared.schema, prepared.document)
  return errors.length ? errors : prepared
}

useServer(
  {
    execute: (prepared) => prepared.rootValue.execute(prepared),
    subscribe: (prepared) => prepared.rootValue.subscribe(prepared),
    onSubscribe: prepare,
  },
  new WebSocketServer({ server, path: yoga.graphqlEndpoint }),
)
server.listen({ port, host: '127.0.0.1', backlog: 4096 }, takeOrders)
