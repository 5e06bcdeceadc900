/** What a Reflector fills: a set of objects by UID. None of its methods may wait or throw. */
export interface ReflectorSink<T> {
  /** An object that is new, or has changed, or is told once more. */
  upsert(object: T): void;
  /** The server does not have it any more, or it cannot be read any more. Only of UIDs that were told by upsert(). */
  remove(uid: string): void;
  /** A list is complete: at this moment the set is the server's. Again after each relist, which is told as a diff. */
  synced(): void;
  /**
   * What was read before has failed, and was heard from so many milliseconds ago. Told before anything that comes after: it
   * may be as old as that. Only once a list has been complete.
   */
  lost(heardAgoMs: number): void;
}
