// SPDX-License-Identifier: Apache-2.0
#include "unpacker/layer/leaf_engine.h"

#include "unpacker/layer/ring_engine.h"
#include "unpacker/layer/syscall_engine.h"

namespace lamina {

std::string_view name_of(EngineKind kind) {
    return kind == EngineKind::threads ? "threads" : "io_uring";
}

Result<std::unique_ptr<LeafEngine>> make_engine(EngineKind kind, Writeback writeback) {
    if (kind == EngineKind::threads) {
        return std::make_unique<SyscallEngine>(writeback);
    }
    TRY_ASSIGN(auto engine, RingEngine::open(writeback));
    return engine;
}

} // namespace lamina
