"""OGC SensorThings API 1.1 (18-088), the read-only subset: entities, addresses, options, filters. Pure."""
