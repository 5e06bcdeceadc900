import { isJsonObject, type JsonObject } from '../../util/json-object.ts';
import type { OwnerRef } from '../objects/records.ts';
import { ApiError } from './api-error.ts';

export interface OwnerAnswer {
  /** The controller of the owner; null: it has none, it is the top of the chain. */
  readonly ownerOfOwner: OwnerRef | null;
}

/**
 * The controller in the ownerReferences of an object's metadata. Null where the object is another than `uid`: it was
 * deleted, and one of its name made since. Throws ApiError garbled.
 */
export function ownerOf(object: unknown, uid: string): OwnerAnswer | null {
  const metadata = isJsonObject(object) ? object['metadata'] : null;
  if (!isJsonObject(metadata)) throw new ApiError('garbled', 'an object without metadata');
  if (metadata['uid'] !== uid) return null;
  const owners: unknown = metadata['ownerReferences'] ?? [];
  if (!Array.isArray(owners)) throw new ApiError('garbled', 'ownerReferences are no list');
  const found = owners.find((each: unknown) => isJsonObject(each) && each['controller'] === true) as unknown;
  return { ownerOfOwner: isJsonObject(found) ? controller(found) : null };
}

function controller(found: JsonObject): OwnerRef {
  const { apiVersion, kind, name, uid } = found;
  const texts: readonly unknown[] = [apiVersion, kind, name, uid];
  if (!texts.every((text) => typeof text === 'string' && text !== '')) {
    throw new ApiError('garbled', 'an owner reference that is not whole');
  }
  return { apiVersion, kind, name, uid } as OwnerRef;
}
