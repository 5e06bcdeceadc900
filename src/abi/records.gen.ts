// Made by tools/gen-abi.ts from the BTF of the built object. The truth is kernel/include/records.h. Do not edit.

/** struct flow_key: its size and the byte offset of each field. */
export const FlowKey = {
  size: 64,
  cgroupId: 0,
  netns: 8,
  port: 12,
  role: 14,
  protocol: 15,
  localAddr: 16,
  remoteAddr: 32,
  comm: 48,
} as const;

/** struct book: its size and the byte offset of each field. */
export const Book = {
  size: 224,
  key: 0,
  sentBytes: 64,
  receivedBytes: 72,
  sentSegs: 80,
  receivedSegs: 88,
  retransSegs: 96,
  retransBytes: 104,
  opened: 112,
  closed: 120,
  failed: 128,
  reset: 176,
  state: 184,
  reserved: 188,
  finsDue: 192,
  busyJiffies: 200,
  receiverLimitedJiffies: 208,
  sndbufLimitedJiffies: 216,
} as const;

/** struct distributions: its size and the byte offset of each field. */
export const Distributions = {
  size: 600,
  connectSumUs: 0,
  rttSumUs: 8,
  durationSumBinaryUs: 16,
  connect: 24,
  rtt: 236,
  duration: 432,
  reserved: 596,
} as const;

/** struct live_record: its size and the byte offset of each field. */
export const LiveRecord = {
  size: 208,
  cookie: 0,
  bornNs: 8,
  sentBytes: 16,
  receivedBytes: 24,
  ackedBytes: 32,
  retransBytes: 40,
  cgroupId: 48,
  deliveryRateBytes: 56,
  localAddr: 64,
  remoteAddr: 80,
  comm: 96,
  sentSegs: 112,
  receivedSegs: 116,
  retransSegs: 120,
  srttUs: 124,
  rttvarUs: 128,
  minRttUs: 132,
  cwndSegs: 136,
  mssBytes: 140,
  netns: 144,
  pid: 148,
  slot: 152,
  book: 156,
  backlog: 160,
  backlogMax: 164,
  drops: 168,
  connectUs: 172,
  busyJiffies: 176,
  receiverLimitedJiffies: 180,
  sndbufLimitedJiffies: 184,
  idleJiffies: 188,
  sendQueueBytes: 192,
  receiveQueueBytes: 196,
  localPort: 200,
  remotePort: 202,
  state: 204,
  role: 205,
  protocol: 206,
  reserved: 207,
} as const;

/** struct slot: its size and the byte offset of each field. */
export const Slot = {
  size: 64,
  cookie: 0,
  sock: 8,
  claimedSentBytes: 16,
  claimedReceivedBytes: 24,
  claimedRetransBytes: 32,
  bornNs: 40,
  claimedSentSegs: 48,
  claimedReceivedSegs: 52,
  claimedRetransSegs: 56,
  book: 60,
} as const;

/** struct measures: its size and the byte offset of each field. */
export const Measures = {
  size: 16,
  claimedBusyJiffies: 0,
  claimedReceiverLimitedJiffies: 4,
  claimedSndbufLimitedJiffies: 8,
  connectUs: 12,
} as const;

/** struct owner: its size and the byte offset of each field. */
export const Owner = {
  size: 24,
  comm: 0,
  pid: 16,
  reserved: 20,
} as const;

/** struct config: its size and the byte offset of each field. */
export const Config = {
  size: 24,
  slotMask: 0,
  bookCapacity: 4,
  trackProcess: 8,
  reserved: 12,
  nodeRootId: 16,
} as const;

/** struct control: its size and the byte offset of each field. */
export const Control = {
  size: 152,
  walkNextSlot: 0,
  walkRecords: 4,
  walkBudget: 8,
  bootUndecided: 12,
  walkNowNs: 16,
  walkJiffies: 24,
  freeHead: 32,
  freeTail: 40,
  bootFound: 48,
  unseenClosed: 56,
  unseenSentSegs: 64,
  unseenReceivedSegs: 72,
  unseenRetransSegs: 80,
  slotsFull: 88,
  booksFull: 96,
  handedOver: 104,
  handoffFull: 112,
  staleSlots: 120,
  roleGuessed: 128,
  udpUnknownPeer: 136,
  udpPeerFull: 144,
} as const;

/** How many elements each array of these structures has. */
export const ArrayLength = {
  FlowKey: { localAddr: 16, remoteAddr: 16, comm: 16 },
  Book: { failed: 6 },
  Distributions: { connect: 53, rtt: 49, duration: 41 },
  LiveRecord: { localAddr: 16, remoteAddr: 16, comm: 16 },
  Owner: { comm: 16 },
} as const;

/** enum role. */
export const Role = {
  ROLE_UNKNOWN: 0,
  ROLE_CLIENT: 1,
  ROLE_SERVER: 2,
} as const;

/** enum connect_failure. */
export const ConnectFailure = {
  FAILED_REFUSED: 0,
  FAILED_TIMED_OUT: 1,
  FAILED_UNREACHABLE: 2,
  FAILED_ABORTED: 3,
  FAILED_OTHER: 4,
  FAILED_RESET: 5,
  FAILED_CLASSES: 6,
} as const;

/** enum book_state. */
export const BookState = {
  BOOK_FREE: 0,
  BOOK_USED: 1,
  BOOK_ORPHAN: 2,
} as const;

/** enum outsider. */
export const Outsider = {
  OUTSIDER_TCP: 1,
  OUTSIDER_UDP: 2,
} as const;

