// Stands in for ankerl::unordered_dense where that library cannot be downloaded:
// the same names on top of the standard hash containers. They keep every promise
// the worker relies on; only the memory layout (and some speed in code that is not
// on the path of a media packet) differs.
#ifndef FLYLIVE_UNORDERED_DENSE_H
#define FLYLIVE_UNORDERED_DENSE_H

#include <functional>
#include <unordered_map>
#include <unordered_set>

namespace ankerl::unordered_dense
{
	template<typename T>
	using hash = std::hash<T>;

	template<typename Key, typename Value, typename Hash = hash<Key>, typename Equal = std::equal_to<Key>>
	using map = std::unordered_map<Key, Value, Hash, Equal>;

	template<typename Key, typename Hash = hash<Key>, typename Equal = std::equal_to<Key>>
	using set = std::unordered_set<Key, Hash, Equal>;
} // namespace ankerl::unordered_dense

#endif
