import type { HeartbeatRequest, HeartbeatResponseInput } from '../../protocol/apis/heartbeat.ts'
import type { Handler } from '../services.ts'

/** Heartbeat: keeps a member in its group and tells it of a rebalance. */
export const handleHeartbeat: Handler<HeartbeatRequest, HeartbeatResponseInput> = (
  request,
  { services },
) => ({
  errorCode: services.groups.heartbeat(request),
})
