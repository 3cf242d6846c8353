import type { GroupSetting, Setting, ValuesOf } from './setting.ts'

/** All that a configuration file of Millrace may say. */
export const SETTINGS = {
  data: {
    kind: 'text',
    path: 'file',
    default: 'millrace-data',
    doc: 'Directory of the log, of checkpoints and of savepoints; created when there is none.',
  },
  listen: {
    kind: 'address',
    orFalse: false,
    default: '127.0.0.1:9092',
    doc: 'Where Kafka clients connect, when one listener without TLS and SASL is enough; port 0 takes a free one. Not beside `listeners`.',
  },
  listeners: {
    kind: 'list',
    unset: 'one, at `listen`',
    doc: 'The addresses where Kafka clients connect, each with rules of its own.',
    of: {
      kind: 'group',
      doc: 'An address to listen on. Without `tls` and `sasl` it is open to everybody who reaches it.',
      fields: {
        name: {
          kind: 'text',
          unset: 'what it speaks: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL',
          doc: 'Shown in reports; unique.',
        },
        listen: {
          kind: 'address',
          orFalse: false,
          required: true,
          doc: 'Where it listens: `0.0.0.0:9093` is every address of the machine.',
        },
        advertised: {
          kind: 'address',
          orFalse: false,
          unset: 'where it listens',
          doc: 'Where its clients are told to connect.',
        },
        tls: {
          kind: 'group',
          unset: 'no TLS: bytes cross the network as they are',
          doc: 'TLS. New certificates are taken from the files while the log runs, also at once: on SIGHUP, or by `POST /api/v1/certificates/reload`.',
          fields: {
            certificate: {
              kind: 'text',
              path: 'pem',
              required: true,
              doc: 'The certificate followed by its chain: a PEM file, or PEM itself.',
            },
            key: {
              kind: 'text',
              path: 'pem',
              secret: true,
              required: true,
              doc: 'Its key: a PEM file, or PEM itself.',
            },
            passphrase: { kind: 'text', secret: true, doc: 'Of the key, when it is encrypted.' },
            clientAuth: {
              kind: 'choice',
              oneOf: ['none', 'requested', 'required'],
              default: 'none',
              doc: 'Whether clients have to show a certificate: Kafka’s `ssl.client.auth`.',
            },
            clientCa: {
              kind: 'text',
              path: 'pem',
              doc: 'Who may sign clients’ certificates: a PEM file, or PEM itself. Needed unless `clientAuth` is `none`.',
            },
            principalRules: {
              kind: 'list',
              of: { kind: 'text', doc: 'A rule, as `RULE:^CN=([^,]+),.*$/$1/L`.' },
              unset: '`DEFAULT`: the whole name',
              doc: 'How a certificate’s distinguished name becomes the name of a principal: Kafka’s `ssl.principal.mapping.rules`. The first that fits holds.',
            },
            minVersion: {
              kind: 'choice',
              oneOf: ['TLSv1.2', 'TLSv1.3'],
              default: 'TLSv1.2',
              doc: 'The oldest version of TLS that clients may speak.',
            },
            handshakeTimeoutMs: {
              kind: 'number',
              min: 1,
              default: 10_000,
              doc: 'How long a handshake may take, in ms.',
            },
            handshakesMax: {
              kind: 'number',
              min: 1,
              default: 1_000,
              doc: 'Handshakes at the same time; beyond, the address that has most of them loses some to the others, and further connections are closed at once.',
            },
            reloadIntervalMs: {
              kind: 'number',
              min: 0,
              default: 10_000,
              doc: 'How often the files are looked at for a new certificate, in ms; 0 never does.',
            },
          },
        },
        sasl: {
          kind: 'group',
          unset: 'clients are who their certificate says, or `User:ANONYMOUS`',
          doc: 'Authentication by SASL.',
          fields: {
            mechanisms: {
              kind: 'list',
              required: true,
              doc: 'What clients may choose from.',
              of: {
                kind: 'choice',
                oneOf: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'],
                doc: 'A mechanism.',
              },
            },
            users: {
              kind: 'record',
              nameOf: 'user',
              of: { kind: 'text', secret: true, doc: 'The user’s password.' },
              doc: 'Passwords by user. They hold for PLAIN, and for SCRAM where nobody has given the user a SCRAM password by administration (`millrace users add`): that is how the first administrator comes in.',
            },
            oauthBearer: {
              kind: 'group',
              doc: 'How tokens are checked. Needed for OAUTHBEARER.',
              fields: {
                jwks: {
                  kind: 'text',
                  path: 'file',
                  doc: 'The keys that sign tokens: the path, or the http(s) URL, of a JSON Web Key Set (RFC 7517).',
                },
                jwksCa: {
                  kind: 'text',
                  path: 'pem',
                  unset: 'the public authorities',
                  doc: 'Proves the certificate of the JWKS server: a PEM file, or PEM itself.',
                },
                jwksRefreshMs: {
                  kind: 'number',
                  min: 1,
                  default: 3_600_000,
                  doc: 'How long the keys are used before they are fetched again, in ms.',
                },
                issuer: { kind: 'text', unset: 'anything', doc: 'What a token’s `iss` has to be.' },
                audience: {
                  kind: 'list',
                  of: { kind: 'text', doc: 'An audience.' },
                  unset: 'anything',
                  doc: 'One of them has to be in a token’s `aud`.',
                },
                requiredScope: {
                  kind: 'list',
                  of: { kind: 'text', doc: 'A scope.' },
                  doc: 'Scopes that a token has to have, all of them.',
                },
                principalClaim: {
                  kind: 'text',
                  default: 'sub',
                  doc: 'The claim that names the principal.',
                },
                scopeClaim: { kind: 'text', default: 'scope', doc: 'The claim that holds the scopes.' },
                clockSkewMs: {
                  kind: 'number',
                  min: 0,
                  default: 30_000,
                  doc: 'How far clocks may be apart, in ms.',
                },
                allowUnsecured: {
                  kind: 'flag',
                  default: false,
                  doc: 'Takes tokens that nobody has signed, for trying things out: everybody is whom they claim to be.',
                },
              },
            },
          },
        },
      },
    },
  },
  mirrors: {
    kind: 'list',
    unset: 'none',
    doc: 'Topics that the process copies between its own log and other clusters, all the time: docs/mirror.md. They wait while the other side is away.',
    of: {
      kind: 'group',
      doc: 'A mirror to another cluster (`to`), or from one (`from`).',
      fields: {
        to: {
          kind: 'text',
          unset: 'the log of this process',
          doc: 'The cluster to copy to: `HOST:PORT`, several separated by commas.',
        },
        from: { kind: 'text', unset: 'the log of this process', doc: 'The cluster to copy from.' },
        kafkaConfig: {
          kind: 'text',
          path: 'file',
          unset: 'no TLS, and nobody is asked',
          doc: 'TLS and SASL of the other cluster: the .properties of a Java client.',
        },
        topics: {
          kind: 'list',
          required: true,
          of: { kind: 'text', doc: 'A name, with `*` and `?`, or `/a regular expression/`.' },
          doc: 'The topics to copy.',
        },
        exclude: {
          kind: 'list',
          of: { kind: 'text', doc: 'A pattern.' },
          unset: 'none',
          doc: 'Topics to leave out.',
        },
        groups: {
          kind: 'list',
          of: { kind: 'text', doc: 'A pattern.' },
          unset: 'none',
          doc: 'Consumer groups whose offsets are carried over.',
        },
        prefix: { kind: 'text', unset: 'nothing', doc: 'Put before a topic’s name at the target.' },
        name: {
          kind: 'text',
          unset: 'the source’s cluster id',
          doc: 'Under which the target keeps the progress. Two mirrors of one source to one target need different names.',
        },
        offsets: {
          kind: 'choice',
          oneOf: ['auto', 'identical', 'translated'],
          default: 'auto',
          doc: 'Whether records keep their offsets: where the target is empty, always, never.',
        },
        onLost: {
          kind: 'choice',
          oneOf: ['stop', 'skip'],
          default: 'stop',
          doc: 'What to do when the source has deleted what was not copied yet.',
        },
      },
    },
  },
  http: {
    kind: 'address',
    orFalse: true,
    default: '127.0.0.1:8090',
    doc: 'Where REST, metrics and the status page are; `false` serves no HTTP. Whoever reaches it may do everything, unless there is an `httpToken`.',
  },
  schemaRegistry: {
    kind: 'address',
    orFalse: false,
    unset: 'below `/registry` of `http` only',
    doc: 'An address of its own for the schema registry. `httpToken` holds for it too.',
  },
  httpToken: {
    kind: 'text',
    secret: true,
    unset: 'nobody is asked',
    doc: 'What requests over HTTP have to show, as `Authorization: Bearer TOKEN` or as the password of any user; `/healthz` and `/readyz` are open. `millrace list` and `millrace savepoint` show the one in the variable `MILLRACE_HTTP_TOKEN`.',
  },
  allowAnonymousBeyondLoopback: {
    kind: 'flag',
    default: false,
    doc: 'Lets listeners that ask nobody who they are, and HTTP without a token, be reached from other machines. Only where the network itself keeps strangers out.',
  },
  log: {
    kind: 'group',
    doc: 'What the process says on standard error.',
    fields: {
      level: {
        kind: 'choice',
        oneOf: ['debug', 'info', 'warn', 'error'],
        default: 'warn',
        doc: 'The least important reports to print.',
      },
      format: {
        kind: 'choice',
        oneOf: ['auto', 'pretty', 'json'],
        default: 'auto',
        doc: 'A line for people, or JSON for programs; `auto` is the one on a terminal, the other elsewhere.',
      },
    },
  },
  broker: {
    kind: 'broker',
    doc: 'Kafka’s broker settings by their own names, as `num.partitions`. Access rules are among them (`authorizer.class.name`, `super.users`), and limits.',
  },
} as const satisfies Record<string, Setting>

/** What a configuration file says. */
export type MillraceConfig = ValuesOf<typeof SETTINGS>

export type ListenerConfig = NonNullable<MillraceConfig['listeners']>[number]

export type MirrorConfig = NonNullable<MillraceConfig['mirrors']>[number]

/** The whole of a file as one setting. */
export const ROOT: GroupSetting = {
  kind: 'group',
  doc: 'A configuration of Millrace.',
  fields: SETTINGS,
}
