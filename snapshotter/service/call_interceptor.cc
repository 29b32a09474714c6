// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/call_interceptor.h"

#include <utility>

namespace lamina {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;

using Clock = std::chrono::steady_clock;

// One call, from before its request is read to its status.
class CallInterceptor final : public Interceptor {
  public:
    CallInterceptor(CallObserver& observer, const CallName& call)
        : observer_(observer), call_(call) {
        observer_.begin(call_);
    }
    // A call that got no status: the server or the connection ended.
    ~CallInterceptor() override { end(grpc::StatusCode::CANCELLED); }

    void Intercept(InterceptorBatchMethods* batch) override {
        if (batch->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
            end(batch->GetSendStatus().error_code());
        }
        batch->Proceed();
    }

  private:
    void end(grpc::StatusCode code) {
        if (!std::exchange(has_ended_, true)) {
            observer_.end(call_, code, Clock::now() - start_);
        }
    }

    CallObserver& observer_;
    const CallName call_;
    const Clock::time_point start_ = Clock::now();
    bool has_ended_ = false;
};

class Factory final : public ServerInterceptorFactoryInterface {
  public:
    explicit Factory(CallObserver& observer) : observer_(observer) {}

    // A name that nobody registered comes from the client and goes with the call. gRPC gives such
    // calls the type that none of containerd's have (Server::UnimplementedAsyncRequest).
    Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
        const std::string_view name = info->method(); // "/package.Service/Method"
        const size_t slash = name.rfind('/');
        const bool is_registered = info->type() == ServerRpcInfo::Type::UNARY ||
                                   info->type() == ServerRpcInfo::Type::SERVER_STREAMING;
        if (!is_registered || !name.starts_with("/containerd.")) {
            return nullptr;
        }
        return new CallInterceptor(observer_,
                                   {.service = name.substr(1, slash - 1),
                                    .method = name.substr(slash + 1),
                                    .is_streamed = info->type() != ServerRpcInfo::Type::UNARY});
    }

  private:
    CallObserver& observer_;
};

} // namespace

std::vector<std::unique_ptr<ServerInterceptorFactoryInterface>>
interceptors_for(CallObserver& observer) {
    std::vector<std::unique_ptr<ServerInterceptorFactoryInterface>> factories;
    factories.push_back(std::make_unique<Factory>(observer));
    return factories;
}

} // namespace lamina
