import type {
  SaslAuthenticateRequest,
  SaslAuthenticateResponseInput,
} from '../../protocol/apis/sasl-authenticate.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'

/** SaslAuthenticate: a message of the mechanism that was chosen. */
export const handleSaslAuthenticate: Handler<SaslAuthenticateRequest, SaslAuthenticateResponseInput> = (
  { authBytes },
  { connection: { sasl } },
) =>
  sasl === undefined
    ? {
        errorCode: ErrorCode.ILLEGAL_SASL_STATE,
        errorMessage: 'This listener does not authenticate clients.',
        authBytes: Buffer.alloc(0),
      }
    : sasl.authenticate(authBytes)
