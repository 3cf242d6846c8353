import type { SyncGroupRequest, SyncGroupResponseInput } from '../../protocol/apis/sync-group.ts'
import type { Handler } from '../services.ts'

/** SyncGroup: a follower's is answered when the leader has brought the assignment. */
export const handleSyncGroup: Handler<SyncGroupRequest, SyncGroupResponseInput> = (request, { services }) =>
  services.groups.sync(request)
