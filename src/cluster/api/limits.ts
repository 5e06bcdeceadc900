/**
 * The longest object that is read. etcd takes requests of 1.5 MiB at the most (--max-request-bytes), in protobuf; as JSON
 * an object is up to about twice as long.
 */
export const MAX_OBJECT_BYTES = 3 * 1024 * 1024;
