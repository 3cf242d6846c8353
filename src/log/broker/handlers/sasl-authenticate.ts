import type {
  SaslAuthenticateRequest,
  SaslAuthenticateResponseInput,
} from '../../protocol/apis/sasl-authenticate.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'

/** SaslAuthenticate: there was no handshake that it could belong to. */
export const handleSaslAuthenticate: Handler<
  SaslAuthenticateRequest,
  SaslAuthenticateResponseInput
> = () => ({
  errorCode: ErrorCode.ILLEGAL_SASL_STATE,
  errorMessage: 'This listener does not authenticate clients.',
  authBytes: Buffer.alloc(0),
})
