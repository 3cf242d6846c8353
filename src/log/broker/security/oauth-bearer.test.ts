import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { exportJWK, generateKeyPair, type CryptoKey, SignJWT, UnsecuredJWT } from 'jose'
import { writeWhole } from '../../../world/files.ts'
import { Simulation } from '../../../world/simulated/simulation.ts'
import type { HttpRequest, World } from '../../../world/world.ts'
import { oauthBearerMechanism, type OAuthBearerSettings } from './oauth-bearer.ts'
import type { SaslStep } from './sasl-exchange.ts'

const pairs = await Promise.all([generateKeyPair('RS256'), generateKeyPair('ES256')])

async function keySet(...which: readonly number[]): Promise<string> {
  const keys = which.map(async (index) => ({
    ...(await exportJWK(pairs[index]!.publicKey)),
    kid: `key-${index}`,
  }))
  return JSON.stringify({ keys: await Promise.all(keys) })
}

interface Scene {
  readonly world: World
  readonly reports: string[]
  /** Time passes only here: signatures are checked by the platform's threads, which a simulation does not wait for. */
  pass(ms: number): void
  check(token: string, settings?: Partial<OAuthBearerSettings>, header?: string): Promise<SaslStep>
  token(claims?: Record<string, unknown>, key?: number): Promise<string>
}

const PLACE = '/keys.json'

async function withWorld(body: (scene: Scene) => Promise<void>): Promise<void> {
  const machine = new Simulation({ seed: 1 }).machine('server')
  let nowMs = 1_800_000_000_000
  const clock = { ...machine.world.clock, nowMs: () => nowMs, monotonicMs: () => nowMs }
  const world = { ...machine.world, clock }
  const pass = (ms: number): void => void (nowMs += ms)
  writeWhole(world.disk, PLACE, await keySet(0))
  const reports: string[] = []
  const report = (_level: string, event: string): void => void reports.push(event)
  const seconds = (): number => Math.floor(world.clock.nowMs() / 1000)
  await body({
    world,
    reports,
    pass,
    async token(claims = {}, key = 0) {
      const { privateKey } = pairs[key] as { privateKey: CryptoKey }
      return new SignJWT({ sub: 'ada', exp: seconds() + 60, ...claims })
        .setProtectedHeader({ alg: key === 0 ? 'RS256' : 'ES256', kid: `key-${key}` })
        .sign(privateKey)
    },
    async check(token, settings = {}, header = 'n,,') {
      const mechanism = oauthBearerMechanism({ jwks: PLACE, world, report, ...settings })
      const exchange = mechanism.begin()
      const step = await exchange.step(Buffer.from(`${header}\u0001auth=Bearer ${token}\u0001\u0001`))
      if (step.kind !== 'challenge') return step
      return exchange.step(Buffer.from('\u0001'))
    },
  })
}

function failure(step: SaslStep): string {
  return step.kind === 'failed' ? `${step.told}: ${step.reason}` : step.kind
}

describe('OAUTHBEARER', () => {
  test('a token that the issuer has signed names the principal, and how long it is good', () =>
    withWorld(async ({ check, token, world }) => {
      const exp = Math.floor(world.clock.nowMs() / 1000) + 60
      const step = await check(
        await token({ exp, iss: 'https://issuer', aud: ['other', 'mill'], scope: 'read write' }),
        {
          issuer: 'https://issuer',
          audience: ['mill'],
          requiredScope: ['write'],
        },
      )
      assert.equal(step.kind === 'succeeded' && step.user, 'ada')
      assert.equal(step.kind === 'succeeded' && step.expiresAtMs, exp * 1000)
      const other = await check(await token({ name: 'Ada L.' }), { principalClaim: 'name' })
      assert.equal(other.kind === 'succeeded' && other.user, 'Ada L.')
    }))

  test('what is wrong with a token is logged, and told as invalid', () =>
    withWorld(async ({ check, token, world }) => {
      const now = Math.floor(world.clock.nowMs() / 1000)
      const invalid =
        (pattern: RegExp) =>
        async (claims: Record<string, unknown>, settings = {}) => {
          const told = failure(await check(await token(claims), settings))
          assert.ok(told.startsWith('{"status":"invalid_token"}: '), told)
          assert.match(told, pattern)
        }
      await invalid(/"exp" claim timestamp check failed/)({ exp: now - 31 })
      await invalid(/"nbf" claim timestamp check failed/)({ nbf: now + 40 })
      await invalid(/missing required "exp" claim/)({ exp: undefined })
      await invalid(/unexpected "iss" claim value/)({ iss: 'x' }, { issuer: 'y' })
      await invalid(/unexpected "aud" claim value/)({ aud: 'x' }, { audience: ['y'] })
      await invalid(/its claim sub is no name/)({ sub: '' })
      const scope = failure(await check(await token({ scope: 'read' }), { requiredScope: ['read', 'write'] }))
      assert.equal(scope, '{"status":"insufficient_scope"}: its scope lacks write')
      assert.equal((await check(await token({ exp: now - 20 }))).kind, 'succeeded', 'clocks may be apart')
    }))

  test('signatures of others, changed tokens, and none at all are refused', () =>
    withWorld(async ({ check, token }) => {
      const good = await token()
      const [head, , signature] = good.split('.')
      const changed = Buffer.from(JSON.stringify({ sub: 'root', exp: 9e9 })).toString('base64url')
      assert.match(failure(await check(`${head}.${changed}.${signature}`)), /signature verification failed/)
      assert.match(failure(await check(await token({}, 1))), /no applicable key found/)
      const unsecured = new UnsecuredJWT({ sub: 'ada', exp: 9e9 }).encode()
      assert.match(failure(await check(unsecured)), /nobody has signed it/)
      assert.equal((await check(unsecured, { allowUnsecured: true })).kind, 'succeeded')
      const shared = await new SignJWT({ sub: 'ada', exp: 9e9 })
        .setProtectedHeader({ alg: 'HS256', kid: 'key-0' })
        .sign(Buffer.from(await keySet(0)))
      assert.match(failure(await check(shared)), /"alg" .* not allowed/)
    }))

  test('who acts for somebody else, or sends something else, is refused', () =>
    withWorld(async ({ check, token }) => {
      assert.equal((await check(await token(), {}, 'n,a=ada,')).kind, 'succeeded')
      assert.match(
        failure(await check(await token(), {}, 'n,a=root,')),
        /different from the token's principal name/,
      )
      assert.match(failure(await check(await token(), {}, 'p=x,,')), /a malformed message/)
      assert.match(failure(await check('')), /a malformed message/)
      assert.match(failure(await check('not.a.token')), /invalid_token/)
    }))

  test('keys are read again for a token whose key is not among them, but not all the time', () =>
    withWorld(async ({ world, reports, token, pass }) => {
      const report = (_level: string, event: string): void => void reports.push(event)
      const mechanism = oauthBearerMechanism({ jwks: PLACE, world, report })
      const login = async (key: number): Promise<string> => {
        const message = Buffer.from(`n,,\u0001auth=Bearer ${await token({}, key)}\u0001\u0001`)
        return (await mechanism.begin().step(message)).kind
      }
      assert.equal(await login(0), 'succeeded')
      writeWhole(world.disk, PLACE, await keySet(0, 1))
      assert.equal(await login(1), 'challenge', 'it has only just been read')
      pass(10_000)
      assert.equal(await login(1), 'succeeded')
      writeWhole(world.disk, PLACE, 'rubbish')
      pass(3_600_000)
      assert.equal(await login(0), 'succeeded', 'the keys from before stay')
      assert.deepEqual(
        reports.filter((event) => event !== 'signing keys read'),
        ['signing keys could not be read'],
      )
    }))

  test('keys come from a server too; while that fails the ones from before are used', () =>
    withWorld(async ({ world, reports, token, pass }) => {
      const answers = [
        { status: 200, body: await keySet(0) },
        { status: 500, body: '' },
        { status: 200, body: await keySet(1) },
      ]
      const asked: unknown[] = []
      const network = {
        ...world.network,
        http: ({ url, ca }: HttpRequest) => {
          asked.push([url, ca])
          return Promise.resolve(answers.shift()!)
        },
      }
      const jwks = 'https://issuer.test/keys'
      const report = (_level: string, event: string): void => void reports.push(event)
      const settings = { jwks, jwksCa: 'PEM', jwksRefreshMs: 60_000 }
      const mechanism = oauthBearerMechanism({ ...settings, world: { ...world, network }, report })
      const login = async (key: number): Promise<string> => {
        const message = Buffer.from(`n,,\u0001auth=Bearer ${await token({}, key)}\u0001\u0001`)
        return (await mechanism.begin().step(message)).kind
      }
      assert.deepEqual(await Promise.all([login(0), login(0), login(0)]), Array(3).fill('succeeded'))
      assert.deepEqual(asked, [[jwks, 'PEM']], 'many at once ask once')
      pass(60_000)
      assert.equal(await login(0), 'succeeded')
      pass(10_000)
      assert.equal(await login(0), 'challenge', 'the issuer has taken its key back')
      assert.equal(await login(1), 'succeeded')
      assert.equal(asked.length, 3)
    }))
})
