import type { SaslHandshakeRequest, SaslHandshakeResponseInput } from '../../protocol/apis/sasl-handshake.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'

/** SaslHandshake: chooses a mechanism. Where the listener has no SASL, the error tells a client that it should not try. */
export const handleSaslHandshake: Handler<SaslHandshakeRequest, SaslHandshakeResponseInput> = (
  { mechanism },
  { apiVersion, connection: { sasl } },
) =>
  sasl === undefined
    ? { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] }
    : sasl.handshake(mechanism, apiVersion)
