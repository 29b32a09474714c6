// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace lamina {

// Bytes of one gRPC message, both ways: containerd's own limit (defaults/defaults.go).
inline constexpr int kMaxMessageBytes = 16 * 1024 * 1024;

// How long containerd may take to list or describe blobs, or to send a manifest or configuration.
// It answers from its database and page cache, in milliseconds; who waits longer asks a containerd
// that hangs.
inline constexpr std::chrono::seconds kContentCallTime{10};

// Manifests that name one layer at one place of their chain. Images that share a base are told
// apart by a later layer; a host with more of them than this is left to that.
inline constexpr size_t kManifestsMax = 16;

// Documents that are read of a namespace whose manifests have no labels that name their layers:
// index, manifest and configuration of ten images. The one that is being pulled came last.
inline constexpr size_t kDocumentsReadMax = 32;

// Blobs of such a namespace that are looked through for them. containerd sends each with its
// labels, half a kilobyte; a build cache of more goes without look-ahead.
inline constexpr size_t kBlobsLookedThroughMax = 20'000;

// Bytes of a manifest or an image configuration. Registries take 4 MiB at least (OCI
// distribution-spec, "Pushing Manifests"), but most have some KiB; the descriptors of 500 layers,
// which is what overlayfs stacks, have 250 KiB with generous annotations. Parsed, one that was made
// for it takes 60 bytes for each (tests/service/document_memory_test.cc). An image whose documents
// are larger goes without look-ahead.
inline constexpr uint64_t kImageDocumentBytesMax = 512 * 1024;

// How often an Apply tries to clone what another one has unpacked. Each attempt but the last ended
// because somebody removed the other's snapshot, or wrote into it, within its few seconds of life.
inline constexpr unsigned kCloneAttemptsMax = 2;

// --- Look-ahead: layers that are unpacked before their Apply comes ---

// Images whose layers are unpacked ahead at once. Each needs a client that pulls it.
inline constexpr size_t kImagesAheadMax = 16;

// Layers of one image that are known ahead. When they are used up, the next Apply asks anew.
inline constexpr size_t kLayersAheadMax = 16;

// Layers remembered that clients applied apart from their parents: those of the largest image
// (overlayfs stacks 500) twice.
inline constexpr size_t kLayersKeptOffMax = 1024;

// Bytes of a layer's tree for each byte of its blob, a guess to reserve by: text and programs are
// gzipped to a third, and small files take whole blocks.
inline constexpr uint64_t kTreeBytesPerBlobByte = 4;

// Bytes of all staged trees: what several large images have. The disk is looked at besides.
inline constexpr uint64_t kStagedBytesMax = 16ULL * 1024 * 1024 * 1024;

// What must stay free for everybody else, beside what a tree is expected to take. Below it, all
// that is staged goes.
inline constexpr uint64_t kFreeBytesMin = 1024ULL * 1024 * 1024;
inline constexpr uint64_t kFreeInodesMin = 100'000; // a large layer's

// How long an image's staged layers wait for its next Apply: as long as a blob of some gigabytes
// takes on a slow line. After that the client is gone.
inline constexpr std::chrono::minutes kStagedAge{10};

// How often disk and age are looked at. A disk that takes 1 GB/s gets 250 MB meanwhile, a quarter
// of what must stay free; the look itself takes microseconds.
inline constexpr std::chrono::milliseconds kStagedWatchTime{250};

// How often one looks for blobs that are still being fetched, first and at last.
inline constexpr std::chrono::milliseconds kBlobPollMin{50};
inline constexpr std::chrono::milliseconds kBlobPollMax{1000};

} // namespace lamina
