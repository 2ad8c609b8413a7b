import { GRPC } from './entry.ts'
import type { FaultTable } from './entry.ts'

/** Faults of stores, data directories and ports. */
export const STORE_FAULTS = {
  STORE_UNAVAILABLE: {
    http: 503,
    grpc: GRPC.UNAVAILABLE,
    meaning: 'The database does not answer.',
    remedy: 'Nothing was acknowledged. Check that the database runs and that its URL is right; work resumes.',
  },
  STORE_NEWER_VERSION: {
    http: 503,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'The schema of the database was written by a newer version.',
    remedy: 'Start the newer version, or restore the backup made before the upgrade.',
  },
  STORE_OLDER_VERSION: {
    http: 503,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning:
      'The schema of the database lacks what this version needs, as after a restore from before an upgrade.',
    remedy:
      'Restore a newer backup, or start the service again: it brings the schema up to date as it starts.',
  },
  STORE_READ_ONLY: {
    http: 503,
    grpc: GRPC.UNAVAILABLE,
    meaning: 'The database refuses writes.',
    remedy: 'Point at the primary, or lift the read-only mode; nothing was acknowledged.',
  },
  DISK_FULL: {
    http: 507,
    grpc: GRPC.RESOURCE_EXHAUSTED,
    meaning: 'There is no space left on the disk.',
    remedy: 'Free or add space; nothing that was acknowledged is lost.',
  },
  DATA_DIRECTORY_LOCKED: {
    http: 503,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'Another process uses this data directory.',
    remedy: 'Stop the other process, or choose another directory.',
  },
  DATA_DIRECTORY_UNWRITABLE: {
    http: 503,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'The data directory cannot be created or written.',
    remedy: 'Give the user of the process write permission, or choose another directory.',
  },
  DATA_DIRECTORY_NEWER: {
    http: 503,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'The data directory was written by a newer version.',
    remedy: 'Start the newer version, or choose another directory; nothing was changed.',
  },
  PORT_IN_USE: {
    http: 503,
    grpc: GRPC.UNAVAILABLE,
    meaning: 'Another process listens on this address.',
    remedy: 'Stop the other process, or configure another port.',
  },
  SPOOL_FULL: {
    http: 507,
    grpc: GRPC.RESOURCE_EXHAUSTED,
    meaning: "The agent's spool has reached its bound.",
    remedy: 'Restore the connection to the collector, or raise the bound; the loss is recorded as a gap.',
  },
  SPOOL_CORRUPT: {
    http: 500,
    grpc: GRPC.DATA_LOSS,
    meaning: "The agent's spool cannot be read back.",
    remedy: 'Keep the file for inspection; the agent starts a new spool and reports the gap.',
  },
} as const satisfies FaultTable

/** Faults of configuration. */
export const CONFIG_FAULTS = {
  CONFIG_UNKNOWN_KEY: {
    http: 500,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'A setting has a name that nothing reads.',
    remedy: 'Correct or remove it; the message names the nearest known setting.',
  },
  CONFIG_INVALID: {
    http: 500,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'A setting has a value outside of what it allows.',
    remedy: 'Change it to what the message asks for.',
  },
  CONFIG_MISSING: {
    http: 500,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'A setting without a default is not set.',
    remedy: 'Set the environment variable or the key of the file that the message names.',
  },
} as const satisfies FaultTable

/** Faults of the HTTP interface. */
export const HTTP_FAULTS = {
  BODY_MALFORMED: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The body is not JSON as the interface reads it.',
    remedy: 'Send UTF-8 JSON without duplicate keys, whole numbers only, decimals as strings.',
  },
  FIELD_UNKNOWN: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'A field is not part of the operation.',
    remedy: 'Correct or remove it; the pointer says where.',
  },
  FIELD_MISSING: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'A required field is absent.',
    remedy: 'Add it; the pointer says where.',
  },
  FIELD_INVALID: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'A field has a value outside of what it allows.',
    remedy: 'Change it to what the message asks for; the pointer says where.',
  },
  CURSOR_INVALID: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The cursor was not made by this listing.',
    remedy: 'Start the listing again without a cursor.',
  },
  UNAUTHENTICATED: {
    http: 401,
    grpc: GRPC.UNAUTHENTICATED,
    meaning: 'No valid credentials came with the request.',
    remedy: 'Send a valid, unexpired API key or token.',
  },
  FORBIDDEN: {
    http: 403,
    grpc: GRPC.PERMISSION_DENIED,
    meaning: 'The credentials do not allow this operation.',
    remedy: 'Use credentials with the scope that the message names.',
  },
  RATE_LIMITED: {
    http: 429,
    grpc: GRPC.RESOURCE_EXHAUSTED,
    meaning: 'Too many requests in too short a time.',
    remedy: 'Wait as long as Retry-After says, then send again.',
  },
  NOT_ACCEPTABLE: {
    http: 406,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The answer does not exist in the form asked for.',
    remedy: 'Ask for one of the media types that the message names.',
  },
  BODY_TOO_LARGE: {
    http: 413,
    grpc: GRPC.RESOURCE_EXHAUSTED,
    meaning: 'The body is larger than the interface takes.',
    remedy: 'Send less at once; the message names the limit.',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    http: 415,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The body has a form that the interface does not read.',
    remedy: 'Send one of the media types that the message names.',
  },
} as const satisfies FaultTable

/** Faults that belong to no single area. */
export const GENERAL_FAULTS = {
  INTERNAL: {
    http: 500,
    grpc: GRPC.INTERNAL,
    meaning: 'The service met a state that it considers impossible.',
    remedy: 'Report it with the log of that moment; a repeated write with its idempotency key is safe.',
  },
  UNAVAILABLE: {
    http: 503,
    grpc: GRPC.UNAVAILABLE,
    meaning: 'The service or one that it needs cannot serve right now.',
    remedy: 'Send again after a pause.',
  },
  UNSUPPORTED: {
    http: 501,
    grpc: GRPC.UNIMPLEMENTED,
    meaning: 'This version or system cannot do what was asked.',
    remedy: 'Use a version or system that the message names.',
  },
} as const satisfies FaultTable
