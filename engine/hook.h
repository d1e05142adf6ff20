#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace kindling {

/// What a HookHandle knows of the list its hook stands in.
class HookListBase {
 public:
  virtual ~HookListBase() = default;
  virtual void remove(int id) = 0;  ///< Does nothing when that hook is gone.
};

/// Owns one registered hook: when the handle goes away the hook is removed. Move-only. Either side
/// may die first: a handle that outlives the module or tensor simply has nothing left to do.
class [[nodiscard]] HookHandle {
 public:
  HookHandle() = default;
  /// For HookList: of the hook that has number `id` in `list`.
  HookHandle(std::weak_ptr<HookListBase> list, int id) : list_(std::move(list)), id_(id) {}
  /// Takes over another's hook. On assignment the hook that this one had is removed.
  /// @{
  HookHandle(HookHandle&& other) noexcept : list_(std::exchange(other.list_, {})), id_(other.id_) {}
  HookHandle& operator=(HookHandle&& other) noexcept {
    if (this != &other) {
      remove();
      list_ = std::exchange(other.list_, {});
      id_ = other.id_;
    }
    return *this;
  }
  /// @}
  ~HookHandle() { remove(); }

  /// Lets the hook stay for as long as its owner lives.
  void release() { list_.reset(); }

  /// Removes the hook now.
  void remove() {
    if (const auto list = std::exchange(list_, {}).lock()) list->remove(id_);
  }

 private:
  std::weak_ptr<HookListBase> list_;
  int id_ = 0;
};

/// The hooks of one kind on one owner, called in the order of registration. A hook may remove
/// itself or others while it is being called, and may add new ones (called from the next time on).
template <class Fn>
class HookList {
 public:
  /// Puts a hook behind those that are there, for as long as the handle lives.
  HookHandle add(Fn fn) {
    if (!list_) list_ = std::make_shared<List>();
    const int id = list_->next_id++;
    list_->hooks.push_back({id, std::make_shared<Fn>(std::move(fn))});
    return HookHandle(list_, id);
  }

  bool empty() const { return !list_ || list_->hooks.empty(); }  ///< No hook is registered.

  /// Calls visit(fn) for every hook that is still registered when its turn comes.
  template <class Visit>
  void each(const Visit& visit) const {
    if (empty()) return;
    const auto list = list_;  // the owner may die in a hook
    const auto hooks = list->hooks;
    for (const auto& hook : hooks)
      if (list->contains(hook.id)) visit(*hook.fn);
  }

 private:
  struct Entry {
    int id;
    std::shared_ptr<Fn> fn;
  };
  struct List : HookListBase {
    std::vector<Entry> hooks;
    int next_id = 0;
    void remove(int id) override {
      const auto at = std::find_if(hooks.begin(), hooks.end(),
                                   [id](const Entry& entry) { return entry.id == id; });
      if (at == hooks.end()) return;
      const auto fn = std::move(at->fn);  // may own the handle of another hook here: it dies last
      hooks.erase(at);
    }
    bool contains(int id) const {
      for (const Entry& entry : hooks)
        if (entry.id == id) return true;
      return false;
    }
  };
  std::shared_ptr<List> list_;
};

}  // namespace kindling
