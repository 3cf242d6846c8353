import * as http from 'node:http'
import * as https from 'node:https'
import { messageOf, MillraceError } from '../base/millrace-error.ts'
import type { HttpAnswer, HttpRequest } from './world.ts'

const ANSWER_BYTES_MAX = 1024 * 1024

/** One exchange over a connection of its own. Redirections are not followed. */
export function exchangeHttp(request: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      clearTimeout(timer)
      exchange?.destroy()
      reject(
        new MillraceError({
          code: 'MR_HTTP_FAILED',
          message: `no answer over HTTP: ${messageOf(error)}.`,
          fix: 'Check the URL, and that the server runs and its certificate is trusted.',
          peer: hostOf(request.url),
          cause: error,
        }),
      )
    }
    const timer = setTimeout(() => fail(new Error(`none within ${request.timeoutMs} ms`)), request.timeoutMs)
    let exchange: http.ClientRequest | undefined
    try {
      const { url, method, headers = {} } = request
      const send = new URL(url).protocol === 'https:' ? https.request : http.request
      exchange = send(url, { method, headers, agent: false, ...tlsOptions(request) })
    } catch (error) {
      return fail(error)
    }
    exchange.on('error', fail)
    exchange.on('response', (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('error', fail)
      response.on('data', (text: string) => {
        body += text
        if (body.length > ANSWER_BYTES_MAX) fail(new Error(`it is longer than ${ANSWER_BYTES_MAX} bytes`))
      })
      response.on('end', () => {
        clearTimeout(timer)
        resolve({ status: response.statusCode ?? 0, body })
      })
    })
    exchange.end(request.body)
  })
}

function tlsOptions({ ca, certificate, key, passphrase }: HttpRequest): https.RequestOptions {
  return {
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
  }
}

/** Without path and query, which may hold secrets. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'not a URL'
}
