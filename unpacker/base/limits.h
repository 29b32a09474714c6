// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// Every bound of the unpacker, with its unit and its reason.
namespace lamina::limits {

// Bytes of one read of the blob. Large enough that system calls vanish beside inflating.
inline constexpr size_t kBlobReadBytes = 256 * 1024;

// Blob bytes read ahead of the decoder: hides the latency of a disk or of the content RPC.
inline constexpr uint64_t kReadAheadBytes = 4 * 1024 * 1024;

// Bytes of one buffer of decoded tar. A multiple of tar's 512, so that no header straddles two
// buffers; small enough that inflate, SHA-256 and write find it in the processor's cache.
inline constexpr size_t kChunkBytes = 256 * 1024;

// Buffers of decoded tar of one unpack: 32 x 256 KiB = 8 MiB for hashing, parsing and writing
// together. The decoder waits when all are in use.
inline constexpr size_t kChunksPerUnpack = 32;

// Bytes of one file that the parser collects before it hands them to a writer. Half of all chunks
// stay free for the decoder even when a file's blocks came from as many chunks.
inline constexpr size_t kSmallFileBytes = 1024 * 1024;

// Files that go to the disk while the unpack goes on, when all is to be durable at its end. Asked
// for each small one too, ext4 allocates and writes them one by one: 10.2 s for the npm layer
// instead of 6.8, 10.6 s of processor instead of 7.6 (bench/README.md, "Engines").
inline constexpr size_t kEarlyWritebackBytes = kSmallFileBytes;

// A writer's queue, in bytes of file content (each entry counts at least kEntryWeightBytes).
inline constexpr uint64_t kWriterQueueBytes = 2 * 1024 * 1024;

// What an entry without content weighs in a writer's queue: about the memory of its description.
inline constexpr uint64_t kEntryWeightBytes = 512;

// Writers per unpack. Creating files in different directories scales with processors until the
// filesystem's journal is the limit.
inline constexpr unsigned kWritersMax = 16;

// Compressed bytes that one thread decodes at a time where a stream has borders (zstd frames, gzip
// members): large enough that handing over costs nothing beside decoding.
inline constexpr size_t kPieceBytes = 128 * 1024;

// A frame larger than this is decoded from front to end. eStargz has members of 4 MiB of a file,
// which programs compress to half and less; what does not is fast to decode anyway.
inline constexpr size_t kPieceBytesMax = 2 * 1024 * 1024;

// Decoded bytes of one piece; with two pieces per thread it bounds the memory of the decoder.
inline constexpr size_t kPieceDecodedBytesMax = 4 * 1024 * 1024;

// Threads that decode pieces of one stream. More than the other stages can keep up with is waste.
inline constexpr unsigned kPieceThreadsMax = 4;

// Bytes of tar that become one gzip member or one zstd frame. Independent pieces let several
// threads compress and decompress. Of this size they cost 3 % of zstd's ratio and none of gzip's,
// and stay within kPieceDecodedBytesMax, so that our own decoder takes them apart again.
inline constexpr size_t kEncodedPieceBytes = 1024 * 1024;

// --- Clones of trees ---

// Threads of one clone. Fewer than kWritersMax since nothing has to be inflated, and several clones
// of one layer run at once.
inline constexpr unsigned kCloneThreadsMax = 8;

// Bytes of one read and write, as much as a pipe holds, which is what copy_file_range(2) goes
// through. Files up to this size take these two calls; larger ones are copied in the kernel.
inline constexpr int64_t kCloneBufferBytes = 64 * 1024;

// Bytes after which a large file's copy looks whether it is to stop: some milliseconds.
inline constexpr int64_t kClonePieceBytes = 16 * 1024 * 1024;

// --- Hostile input ---

// Bytes of one tar extension header: what Go's archive/tar, and so containerd, accepts at most.
inline constexpr uint64_t kTarExtensionBytesMax = 1024 * 1024;

// log2 of the window that a zstd frame may ask for: 512 MiB, which containerd's decoder accepts;
// libzstd's own default is 27. The memory is touched only as far as a frame uses it.
inline constexpr int kZstdWindowLogMax = 29;

// Bytes of a resolved path below the root: PATH_MAX, beyond which nobody could name the file.
inline constexpr size_t kPathBytesMax = 4096;

// Symbolic links followed to resolve one name: containerd's bound (continuity fs.RootPath).
inline constexpr unsigned kLinksMax = 255;

// --- Index of a layer ---

// Bytes of an index that is read. One with every digest takes about 100 bytes for an entry, so this
// is ten million entries; the largest layers that we know of have a tenth of that.
inline constexpr uint64_t kIndexBytesMax = 1024 * 1024 * 1024;

// Bytes of notes that an unpack takes for the index of its layer, which is left to a walk beyond
// that. A note is about 20 bytes and the name: enough for 200,000 entries.
inline constexpr size_t kRecordBytesMax = 8 * 1024 * 1024;

// --- Images as files ---

// Bytes of an index, manifest or configuration: containerd's bound for a manifest.
inline constexpr uint64_t kDocumentBytesMax = 4 * 1024 * 1024;

// Bytes of all documents of one image, which are held at once, each parsed into up to some ten
// times its size. Real ones have 20 KiB for each platform.
inline constexpr uint64_t kAllDocumentsBytesMax = 16 * 1024 * 1024;

// Objects and arrays within each other in such a document. Real ones have fewer than ten.
inline constexpr size_t kJsonDepthMax = 64;

// Members of one object, which are looked through for each new one. Labels are the most there is,
// some ten.
inline constexpr size_t kJsonMembersMax = 4096;

// Layers of one image: what overlayfs stacks (fs/overlayfs/params.h, OVL_MAX_STACK). Each keeps a
// directory open, and reading one opens all below it.
inline constexpr size_t kImageLayersMax = 500;

// Files in the archive of an image: two for each of the layers of hundreds of manifests. Their
// names have kPathBytesMax at most.
inline constexpr size_t kImageFilesMax = 65536;

// Indexes within indexes, and manifests of one image. Real images have one index of some ten
// manifests; an index that names itself would have to be found by its own digest.
inline constexpr unsigned kIndexDepthMax = 8;
inline constexpr size_t kManifestsMax = 256;

// --- Descriptors ---

// Directories of one unpack that are kept open for entries to come. Entries come directory by
// directory, so more would save little.
inline constexpr size_t kCachedDirectoriesMax = 64;

// Directories of one unpack that are open at all, those included that writers still need. Beyond
// it the writers are awaited, so that one unpack fits into the usual limit of 1024 descriptors; the
// programs raise their limit for more at once.
inline constexpr size_t kOpenDirectoriesMax = 512;

// Directories of one clone that are open, each in the source and in the clone. One is open until
// all below it is done, and each thread goes to the bottom first, so these are the threads times
// the depth; nobody's layer is this deep.
inline constexpr size_t kCloneOpenDirectoriesMax = 1024;

} // namespace lamina::limits
