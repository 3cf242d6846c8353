import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientTelemetryText } from './client-telemetry-text.ts'

test('whatever clients call their attributes, labels have names that Prometheus takes', () => {
  const attributes = ['', '__name__', '9 lives', 'plain', 'a"b\n'].map((name) => [name, 'v'] as const)
  const text = clientTelemetryText({
    instances: 1,
    pushes: 1,
    undecodablePushes: 0,
    unknownSubscriptions: 0,
    throttled: 0,
    droppedFigures: 0,
    clients: [
      {
        clientInstanceId: 'one',
        clientId: 'c',
        softwareName: 's',
        softwareVersion: '1',
        address: '127.0.0.1',
        pushIntervalMs: 1_000,
        attributes: [],
        sinceLastPushMs: 0,
        series: [JSON.stringify([0, 'org.apache.kafka.m', attributes])],
        values: Float64Array.of(1),
      },
    ],
  })
  const line = text.split('\n').find((each) => each.startsWith('org_apache_kafka_m{'))!
  const names = Array.from(line.matchAll(/[{,]([^=]*)="/g), ([, name]) => name)
  assert.deepEqual(names.toSorted(), [
    '_',
    '_9_lives',
    '_name__',
    'a_b_',
    'client_id',
    'client_instance_id',
    'plain',
  ])
})
