import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'

/** What must be answered to whoever asks: it says nothing but whether the process lives. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz'])

/**
 * Lets only those in who show the token: as `Authorization: Bearer TOKEN`, or as the password of any user, which is what
 * a browser asks for.
 */
export function requireToken(app: FastifyInstance, token: string): void {
  const wanted = digest(token)
  app.addHook('onRequest', async (request, reply) => {
    if (OPEN_PATHS.has(request.url)) return undefined
    const shown = shownToken(request.headers.authorization ?? '')
    if (shown !== undefined && timingSafeEqual(digest(shown), wanted)) return undefined
    return reply.code(401).header('www-authenticate', 'Basic realm="millrace", charset="UTF-8"').send({
      code: 'MR_NOT_AUTHORIZED',
      message: 'this server asks for its token: Authorization: Bearer TOKEN.',
    })
  })
}

function shownToken(header: string): string | undefined {
  const [, scheme = '', value = ''] = /^(\S+) +(\S+)$/.exec(header) ?? []
  if (scheme.toLowerCase() === 'bearer') return value
  if (scheme.toLowerCase() !== 'basic') return undefined
  const text = Buffer.from(value, 'base64').toString()
  return text.slice(text.indexOf(':') + 1)
}

/** Of equal length, whatever was shown. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
