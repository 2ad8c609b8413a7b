import { listCorrections } from '../../postgres/usage-corrections.ts'
import { UUID_KEY, listing } from '../listing.ts'
import { UsageCorrectionReply, usageCorrectionView } from '../usage-correction-view.ts'

/** GET /v1/usage-corrections */
export const listUsageCorrections = listing({
  id: 'listUsageCorrections',
  path: '/v1/usage-corrections',
  summary: 'What persons decided about usage, in the order of their entries',
  item: UsageCorrectionReply,
  key: UUID_KEY,
  page: listCorrections,
  view: ({ entry, withdrawnBy }) => usageCorrectionView(entry, withdrawnBy),
})
