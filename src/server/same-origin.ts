import type { FastifyInstance } from 'fastify'

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * Keeps web pages of other origins out, since a browser on this machine reaches loopback too. A name that is not
 * loopback's own on a loopback listener is a page that resolved its own name to us (DNS rebinding); a change with a
 * foreign `Origin` is a form or script of another page.
 */
export function refuseForeignOrigins(app: FastifyInstance, host: string): void {
  const loopback = host === 'localhost' || host === '::1' || host.startsWith('127.')
  app.addHook('onRequest', async (request, reply) => {
    const name = request.host.replace(/:\d+$/, '')
    if (loopback && !LOOPBACK.has(name) && name !== host) {
      return reply
        .code(403)
        .send({ code: 'MR_REST', message: `this server does not answer to the name ${name}.` })
    }
    const { origin } = request.headers
    if (request.method !== 'GET' && origin !== undefined && URL.parse(origin)?.host !== request.host) {
      return reply
        .code(403)
        .send({ code: 'MR_REST', message: `pages of ${origin} may not change anything here.` })
    }
    return undefined
  })
}
