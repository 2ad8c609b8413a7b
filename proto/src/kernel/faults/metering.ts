import { GRPC } from './entry.ts'
import type { FaultTable } from './entry.ts'

/** Faults of agents and their keys. */
export const IDENTITY_FAULTS = {
  TOKEN_UNKNOWN: {
    http: 401,
    grpc: GRPC.UNAUTHENTICATED,
    meaning: 'The enrolment token was never issued here.',
    remedy: 'Copy the whole token again, or have the operator issue a new one.',
  },
  TOKEN_SPENT: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'The enrolment token has already enrolled an agent.',
    remedy: 'Have the operator issue a new token; if this host did not use it, revoke the agent that did.',
  },
  TOKEN_EXPIRED: {
    http: 401,
    grpc: GRPC.UNAUTHENTICATED,
    meaning: 'The enrolment token is past its expiry.',
    remedy: 'Have the operator issue a new token and use it before it expires.',
  },
  AGENT_UNKNOWN: {
    http: 404,
    grpc: GRPC.NOT_FOUND,
    meaning: 'No agent with this id is enrolled here.',
    remedy: 'Enrol the agent, and check that it points at the right collector.',
  },
  AGENT_REVOKED: {
    http: 403,
    grpc: GRPC.PERMISSION_DENIED,
    meaning: 'The operator has revoked this agent.',
    remedy: 'Enrol the host again with a new token if it is to be metered.',
  },
  AGENT_DECOMMISSIONED: {
    http: 403,
    grpc: GRPC.PERMISSION_DENIED,
    meaning: 'The agent has ended its life with a last batch.',
    remedy: 'Enrol the host again with a new token if it is to be metered.',
  },
  AGENT_QUARANTINED: {
    http: 403,
    grpc: GRPC.PERMISSION_DENIED,
    meaning: 'The agent is held apart because its history contradicts itself.',
    remedy: 'Look for a cloned host or a restored snapshot, then enrol each host again.',
  },
  KEY_UNKNOWN: {
    http: 401,
    grpc: GRPC.UNAUTHENTICATED,
    meaning: 'The signing key does not belong to this agent.',
    remedy: "Restore the agent's state directory, or enrol the host again.",
  },
  KEY_RETIRED: {
    http: 401,
    grpc: GRPC.UNAUTHENTICATED,
    meaning: 'The signing key has been rotated away.',
    remedy: 'Sign with the current key; if the old one was restored from a backup, enrol again.',
  },
  SIGNATURE_INVALID: {
    http: 401,
    grpc: GRPC.UNAUTHENTICATED,
    meaning: 'The signature does not fit the bytes and the key.',
    remedy: 'Nothing was stored. Check for a proxy that rewrites traffic and for a damaged key file.',
  },
  CHALLENGE_FAILED: {
    http: 401,
    grpc: GRPC.UNAUTHENTICATED,
    meaning: 'The answer to the challenge was wrong, late or used before.',
    remedy: 'Connect again; if it persists, check the agent id and key.',
  },
} as const satisfies FaultTable

/** Faults of batches and the readings in them. */
export const BATCH_FAULTS = {
  BATCH_MALFORMED: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The batch cannot be decoded or its columns disagree.',
    remedy: 'Update the agent to a version that this collector accepts; the batch was set aside.',
  },
  BATCH_TOO_LARGE: {
    http: 413,
    grpc: GRPC.RESOURCE_EXHAUSTED,
    meaning: 'The batch is larger than the collector accepts.',
    remedy: 'Lower the batch size of the agent below the limit in the message.',
  },
  BATCH_DIGEST_MISMATCH: {
    http: 400,
    grpc: GRPC.DATA_LOSS,
    meaning: 'The payload does not have the digest that was signed.',
    remedy: 'Send the batch again from the spool; if it persists, check memory and disk of the host.',
  },
  BATCH_TAKEN: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'Readings of the batch are stored, so it cannot be given up.',
    remedy: 'Nothing is to be done; where redriving it was interrupted, redrive it once more.',
  },
  SEQUENCE_GAP: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'A batch before this one has not arrived.',
    remedy: 'Send from the sequence number in the message; what is lost for good must be declared lost.',
  },
  SEQUENCE_FORK: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'This sequence number was already used for another batch.',
    remedy: 'Two copies of the agent run, or a snapshot was restored: stop one and re-enrol it.',
  },
  CHAIN_BROKEN: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'The batch does not name the digest of the batch before it.',
    remedy: 'Look for a restored snapshot or a second copy of the agent, then re-enrol it.',
  },
  STREAM_UNDECLARED: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'A reading belongs to a stream that was not declared.',
    remedy: 'Declare every stream on the connection before its first reading; update the agent.',
  },
  READING_DECREASING: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'A register went down, or time went back, within one epoch.',
    remedy: 'A reset must open a new epoch; update the agent or its source.',
  },
  READING_IN_FUTURE: {
    http: 400,
    grpc: GRPC.OUT_OF_RANGE,
    meaning: "A reading lies further ahead of the collector's clock than allowed.",
    remedy: 'Set the clock of the host, then of the collector if that one is wrong.',
  },
  READING_TOO_OLD: {
    http: 400,
    grpc: GRPC.OUT_OF_RANGE,
    meaning: 'A reading is older than the collector accepts.',
    remedy: 'Set the clock of the host, or widen the accepted age before sending the spool again.',
  },
  READING_MALFORMED: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'A reading is incomplete or outside of its range.',
    remedy: 'Update the agent; the batch was set aside for inspection.',
  },
  CLOCK_OFFSET: {
    http: 400,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: "The agent's clock differs from the collector's by more than allowed.",
    remedy: 'Synchronise both clocks; readings stay in the spool meanwhile.',
  },
  QUOTA_EXCEEDED: {
    http: 429,
    grpc: GRPC.RESOURCE_EXHAUSTED,
    meaning: 'The agent sends more than its quota.',
    remedy: 'Wait and send again; lower the cadence or raise the quota if it persists.',
  },
  EVENT_UNDECLARED: {
    http: 422,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The type of an event is not declared on this host.',
    remedy: "Declare it in the agent's file of events, or stop sending it.",
  },
  EVENT_IN_FUTURE: {
    http: 422,
    grpc: GRPC.OUT_OF_RANGE,
    meaning: "An event lies further ahead of the agent's clock than allowed.",
    remedy: 'Set the clock of the sender, then of the host if that one is wrong.',
  },
  EVENT_TOO_OLD: {
    http: 422,
    grpc: GRPC.OUT_OF_RANGE,
    meaning: 'An event is older than those among which the agent knows repetitions.',
    remedy: 'Find out whether it was counted; send it under a new id and time if it was not.',
  },
  EVENT_STREAMS_EXCEEDED: {
    http: 507,
    grpc: GRPC.RESOURCE_EXHAUSTED,
    meaning: 'An event would make one counter more than the agent may have.',
    remedy: 'Choose dimensions with fewer values, or raise the bound of counters.',
  },
} as const satisfies FaultTable

/** Faults of devices that an agent asks over the network. */
export const DEVICE_FAULTS = {
  DEVICE_UNREACHABLE: {
    http: 503,
    grpc: GRPC.UNAVAILABLE,
    meaning: 'A metered device does not answer.',
    remedy:
      'Check address, firewall and community; a wrong community looks the same. Counters run on meanwhile.',
  },
  DEVICE_REFUSED: {
    http: 503,
    grpc: GRPC.UNAUTHENTICATED,
    meaning: 'A metered device answers and refuses the credentials.',
    remedy: 'Correct user, protocols and passphrases, or the access rights on the device.',
  },
  DEVICE_MALFORMED: {
    http: 503,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'A metered device gives something else than what its tables promise.',
    remedy: 'Check the profile against the device, or update its software; what was not read is a gap.',
  },
  INTERFACE_AMBIGUOUS: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'An interface cannot be told from another one, or would be counted twice.',
    remedy: 'Name interfaces apart on the device, or name in the configuration which are billed.',
  },
  COUNTER_DISCONTINUOUS: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'A counter did not run on since it was last read.',
    remedy: 'Nothing is counted across the break; look for a restart or a replaced part at that time.',
  },
  COUNTER_IMPLAUSIBLE: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'A counter grew by more than its interface can carry.',
    remedy: 'Correct the configured speed if it is too low; nothing is counted across the leap.',
  },
  COUNTER_UNMEASURABLE: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'A 32-bit counter may have wrapped more than once since it was last read.',
    remedy: 'Have the device offer 64-bit counters, shorten the cadence, or configure the speed.',
  },
} as const satisfies FaultTable
