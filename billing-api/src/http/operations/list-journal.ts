import { listEntries } from '../../postgres/journal.ts'
import { UUID_KEY, listing } from '../listing.ts'
import { EntryReply } from '../schemas.ts'
import { entryView } from '../views.ts'

/** GET /v1/journal */
export const listJournal = listing({
  id: 'listJournal',
  path: '/v1/journal',
  summary: 'Journal entries in the order of posting',
  item: EntryReply,
  key: UUID_KEY,
  page: listEntries,
  view: entryView,
})
