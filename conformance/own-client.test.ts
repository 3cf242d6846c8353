/** Our own client's suite, against a real Kafka: with KIP-890 transactions, and with those from before. */
import { describe } from 'node:test'
import { clientSuite } from '../src/log/client/client-suite.ts'
import { type RunningServer, startKafka } from './tools/start-kafka.ts'
import { lacking } from './tools/target.ts'

for (const transactionVersion of [2, 0]) {
  describe(`Kafka with transaction.version ${transactionVersion}`, { skip: lacking('kafka') }, () => {
    let kafka: RunningServer
    clientSuite({
      start: async () => {
        kafka = await startKafka({ features: { 'transaction.version': transactionVersion } })
        return kafka.address
      },
      stop: async () => kafka[Symbol.asyncDispose](),
    })
  })
}
