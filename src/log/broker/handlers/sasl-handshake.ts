import type { SaslHandshakeRequest, SaslHandshakeResponseInput } from '../../protocol/apis/sasl-handshake.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'

/** SaslHandshake: listeners have no authentication; the error tells a client that its security protocol is wrong. */
export const handleSaslHandshake: Handler<SaslHandshakeRequest, SaslHandshakeResponseInput> = () => ({
  errorCode: ErrorCode.ILLEGAL_SASL_STATE,
  mechanisms: [],
})
