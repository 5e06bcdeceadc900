/** What the directory is told of one kind of objects, by UID. It may come in any order between kinds, and more than once. */
export interface DirectorySink<T> {
  /** An object that is new, or has changed, or is told once more. */
  upsert(object: T): void;
  /** The API server does not have it any more. An unknown UID is ignored: a late removal never harms a successor. */
  remove(uid: string): void;
  /** A list is complete: at this moment the set is the server's. */
  synced(): void;
  /** The watch broke, and said its last so many milliseconds ago: what comes may be as old. Before what comes after. */
  lost(heardAgoMs: number): void;
  /** The watch goes on without a new list, or again after one. Without lost() before it does nothing. */
  whole(): void;
}
