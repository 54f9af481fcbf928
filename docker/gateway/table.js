// Written by scripts/gateway.py from routes.yaml.
export default {
 "inspected": [
  "jenkins"
 ],
 "words": [
  "__prefect_kind",
  "include_secrets"
 ],
 "bodies": {
  "deployment": {
   "entrypoint": {
    "matches": "flows\\.(?!build\\.|integrate\\.|push\\.|scan\\.)[a-z_]+\\.[a-z_]+"
   },
   "infrastructure_document_id": {
    "empty": true
   },
   "job_variables": {
    "keys": [
     "stream_output"
    ]
   },
   "path": {
    "empty": true
   },
   "pull_steps": {
    "empty": true
   },
   "storage_document_id": {
    "empty": true
   }
  },
  "deployment-run": {
   "infrastructure_document_id": {
    "empty": true
   },
   "job_variables": {
    "empty": true
   }
  },
  "flow-run": {
   "deployment_id": {
    "empty": true
   },
   "infrastructure_document_id": {
    "empty": true
   },
   "infrastructure_pid": {
    "empty": true
   },
   "job_variables": {
    "empty": true
   },
   "work_pool_name": {
    "empty": true
   },
   "work_queue_name": {
    "empty": true
   }
  }
 },
 "routes": {
  "UI": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/admin/storage": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/artifacts/{id}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/automations/owned-by/{deployment_resource}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "DELETE /api/automations/{id}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/block_documents/{id}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/block_schemas/{id}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/block_types/{id}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/concurrency_limits/tag/{tag}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/concurrency_limits/{id}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/deployments/{id}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/deployments/{id}/schedules/{schedule_id}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "DELETE /api/flow_runs/{id}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/flow_runs/{id}/input/{key}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/flows/{id}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/saved_searches/{id}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/task_runs/{id}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/v2/concurrency_limits/{id_or_name}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/variables/name/{name}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/variables/{id}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/work_pools/{name}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/work_pools/{work_pool_name}/queues/{name}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/work_pools/{work_pool_name}/workers/{name}": {
   "roles": [
    "operator"
   ]
  },
  "DELETE /api/work_queues/{id}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/admin/settings": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/admin/storage": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/admin/version": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/artifacts/{id}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/artifacts/{key}/latest": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/automations/related-to/{resource}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/automations/{id}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/block_capabilities/": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/block_documents/{id}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/block_schemas/checksum/{checksum}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/block_schemas/{id}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/block_types/slug/{slug}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/block_types/slug/{slug}/block_documents": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/block_types/slug/{slug}/block_documents/name/{block_document_name}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/block_types/{id}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/collections/views/{view}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/concurrency_limits/tag/{tag}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/concurrency_limits/{id}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/csrf-token": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/deployments/name/{flow_name}/{deployment_name}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/deployments/{id}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/deployments/{id}/schedules": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/deployments/{id}/work_queue_check": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/docs": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/docs/oauth2-redirect": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/events/filter/next": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/flow_run_states/": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/flow_run_states/{id}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/flow_runs/{id}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/flow_runs/{id}/graph": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/flow_runs/{id}/graph-v2": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/flow_runs/{id}/input/{key}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/flow_runs/{id}/logs/download": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/flows/name/{name}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/flows/{id}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/health": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/hello": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/openapi.json": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/ready": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/redoc": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/saved_searches/{id}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/task_run_states/": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/task_run_states/{id}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/task_runs/{id}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/ui/task_runs/{id}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/v2/concurrency_limits/{id_or_name}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/variables/name/{name}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/variables/{id}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/version": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/work_pools/{name}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/work_pools/{work_pool_name}/queues/{name}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "GET /api/work_queues/name/{name}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/work_queues/{id}": {
   "roles": [
    "operator"
   ]
  },
  "GET /api/work_queues/{id}/status": {
   "roles": [
    "operator"
   ]
  },
  "GET /docs": {
   "roles": [
    "operator"
   ]
  },
  "GET /docs/oauth2-redirect": {
   "roles": [
    "operator"
   ]
  },
  "GET /openapi.json": {
   "roles": [
    "operator"
   ]
  },
  "GET /redoc": {
   "roles": [
    "operator"
   ]
  },
  "PATCH /api/artifacts/{id}": {
   "roles": [
    "jenkins",
    "operator"
   ],
   "large": true
  },
  "PATCH /api/automations/{id}": {
   "roles": [
    "operator"
   ]
  },
  "PATCH /api/block_documents/{id}": {
   "roles": [
    "operator"
   ]
  },
  "PATCH /api/block_types/{id}": {
   "roles": [
    "operator"
   ]
  },
  "PATCH /api/deployments/{id}": {
   "roles": [
    "jenkins",
    "operator"
   ],
   "body": "deployment"
  },
  "PATCH /api/deployments/{id}/schedules/{schedule_id}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "PATCH /api/flow_runs/{id}": {
   "roles": [
    "jenkins",
    "operator"
   ],
   "body": "flow-run"
  },
  "PATCH /api/flow_runs/{id}/labels": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "PATCH /api/flows/{id}": {
   "roles": [
    "operator"
   ]
  },
  "PATCH /api/task_runs/{id}": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "PATCH /api/v2/concurrency_limits/{id_or_name}": {
   "roles": [
    "operator"
   ]
  },
  "PATCH /api/variables/name/{name}": {
   "roles": [
    "operator"
   ]
  },
  "PATCH /api/variables/{id}": {
   "roles": [
    "operator"
   ]
  },
  "PATCH /api/work_pools/{name}": {
   "roles": [
    "operator"
   ]
  },
  "PATCH /api/work_pools/{work_pool_name}/queues/{name}": {
   "roles": [
    "operator"
   ]
  },
  "PATCH /api/work_queues/{id}": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/artifacts/": {
   "roles": [
    "jenkins",
    "operator"
   ],
   "large": true
  },
  "POST /api/artifacts/count": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/artifacts/filter": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/artifacts/latest/count": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/artifacts/latest/filter": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/automations/": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/automations/count": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/automations/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/automations/templates/validate": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/block_documents/": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/block_documents/count": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/block_documents/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/block_schemas/": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/block_schemas/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/block_types/": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/block_types/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/block_types/install_system_block_types": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/concurrency_limits/": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/concurrency_limits/decrement": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/concurrency_limits/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/concurrency_limits/increment": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/concurrency_limits/tag/{tag}/reset": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/deployments/": {
   "roles": [
    "jenkins",
    "operator"
   ],
   "body": "deployment"
  },
  "POST /api/deployments/bulk_delete": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/deployments/count": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/deployments/filter": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/deployments/get_scheduled_flow_runs": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/deployments/paginate": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/deployments/{id}/create_flow_run": {
   "roles": [
    "jenkins",
    "operator"
   ],
   "body": "deployment-run"
  },
  "POST /api/deployments/{id}/create_flow_run/bulk": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/deployments/{id}/pause_deployment": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/deployments/{id}/resume_deployment": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/deployments/{id}/schedule": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/deployments/{id}/schedules": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/events": {
   "roles": [
    "jenkins",
    "operator"
   ],
   "large": true
  },
  "POST /api/events/count-by/{countable}": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/events/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/flow_runs/": {
   "roles": [
    "jenkins",
    "operator"
   ],
   "body": "flow-run"
  },
  "POST /api/flow_runs/bulk_delete": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/flow_runs/bulk_set_state": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/flow_runs/count": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/flow_runs/filter": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/flow_runs/history": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/flow_runs/lateness": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/flow_runs/paginate": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/flow_runs/{id}/input": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/flow_runs/{id}/input/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/flow_runs/{id}/resume": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/flow_runs/{id}/set_state": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/flows/": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/flows/bulk_delete": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/flows/count": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/flows/filter": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/flows/paginate": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/logs/": {
   "roles": [
    "jenkins",
    "operator"
   ],
   "large": true
  },
  "POST /api/logs/filter": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/saved_searches/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/task_runs/": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/task_runs/count": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/task_runs/filter": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/task_runs/history": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/task_runs/paginate": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/task_runs/{id}/set_state": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/task_workers/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/templates/validate": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/ui/flow_runs/count-task-runs": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/ui/flow_runs/history": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/ui/flows/count-deployments": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/ui/flows/next-runs": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/ui/schemas/validate": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/ui/task_runs/count": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/ui/task_runs/dashboard/counts": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/v2/concurrency_limits/": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/v2/concurrency_limits/decrement": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/v2/concurrency_limits/decrement-with-lease": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/v2/concurrency_limits/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/v2/concurrency_limits/increment": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/v2/concurrency_limits/increment-with-lease": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/v2/concurrency_limits/leases/{lease_id}/renew": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/variables/": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/variables/count": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/variables/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/work_pools/": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/work_pools/count": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/work_pools/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/work_pools/{name}/concurrency_status": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/work_pools/{name}/get_scheduled_flow_runs": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/work_pools/{work_pool_name}/queues": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/work_pools/{work_pool_name}/queues/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/work_pools/{work_pool_name}/workers/filter": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "POST /api/work_pools/{work_pool_name}/workers/heartbeat": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/work_queues/": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/work_queues/filter": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/work_queues/{id}/concurrency_status": {
   "roles": [
    "operator"
   ]
  },
  "POST /api/work_queues/{id}/get_runs": {
   "roles": [
    "operator"
   ]
  },
  "PUT /api/admin/storage": {
   "roles": [
    "operator"
   ]
  },
  "PUT /api/automations/{id}": {
   "roles": [
    "operator"
   ]
  },
  "PUT /api/saved_searches/": {
   "roles": [
    "operator"
   ]
  },
  "WS /api/events/in": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "WS /api/events/out": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "WS /api/logs/out": {
   "roles": [
    "jenkins",
    "operator"
   ]
  },
  "WS /api/task_runs/subscriptions/scheduled": {
   "roles": [
    "operator"
   ]
  },
  "WS /api/work_pools/{work_pool_name}/workers/connect": {
   "roles": [
    "operator"
   ]
  }
 }
};
