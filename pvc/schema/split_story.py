"""The story goes on: two versions of `support-reply` share the traffic, and what they cost is measured."""

from typing import Any, Final

from pvc.schema.story_ids import ID

_SHARES: Final = [{"versionId": ID.version_1, "weight": 90}, {"versionId": ID.version_2, "weight": 10}]
_DEPLOYMENT: Final = {
    "id": ID.deployment,
    "projectId": ID.tenant,
    "promptId": ID.prompt,
    "name": "shorter answers",
    "status": "active",
    "config": {"stickySessions": True},
    "plan": [],
    "guardrails": [],
    "createdAt": "2026-03-02T09:27:48.016Z",
    "updatedAt": "2026-03-02T09:27:48.016Z",
    "variants": [
        {
            "id": ID.control,
            "deploymentId": ID.deployment,
            "versionId": ID.version_1,
            "weight": 90,
            "isControl": True,
        },
        {
            "id": ID.variant,
            "deploymentId": ID.deployment,
            "versionId": ID.version_2,
            "weight": 10,
            "isControl": False,
        },
    ],
}
_RESULTS: Final = {
    "metric": "answer",
    "variants": [
        {
            "variantId": ID.control,
            "versionId": ID.version_1,
            "exposures": 9_032,
            "count": 9_032,
            "mean": 812.4,
            "interval": [808.1, 816.7],
        },
        {
            "variantId": ID.variant,
            "versionId": ID.version_2,
            "exposures": 987,
            "count": 987,
            "mean": 624.9,
            "interval": [612.0, 637.8],
            "difference": -187.5,
            "differenceInterval": [-201.1, -173.9],
        },
    ],
    "sampleRatio": {"ok": True, "pValue": 0.62},
    "verdict": "better",
    "message": "version 2 (-187.5, at 95 % -201.1 to -173.9) is better than version 1.",
}
_METRIC: Final = {
    "id": ID.metric,
    "versionId": ID.version_2,
    "type": "latency",
    "name": "answer",
    "value": 617.0,
    "unit": "ms",
    "timestamp": "2026-03-02T09:30:11.280Z",
    "dimensions": {"model": "large"},
}
_MEASURES: Final = {
    "data": [_METRIC],
    "meta": {"limit": 20},
    "summary": {
        "latency": {
            "answer": {
                "count": 1,
                "mean": 617.0,
                "min": 617.0,
                "max": 617.0,
                "sum": 617.0,
                "p50": 617.0,
                "p95": 617.0,
                "p99": 617.0,
                "unit": "ms",
            }
        }
    },
    "series": [
        {
            "start": "2026-03-02T09:00:00.000Z",
            "type": "latency",
            "name": "answer",
            "count": 1,
            "mean": 617.0,
            "p50": 617.0,
            "p95": 617.0,
        }
    ],
}

SPLIT_EXAMPLES: Final[dict[str, list[tuple[str, Any]]]] = {
    "NewDeployment": [
        ("A tenth for the shorter one", {"promptId": ID.prompt, "name": "shorter answers", "variants": _SHARES}),
        (
            "With a plan and a guardrail",
            {
                "promptId": ID.prompt,
                "variants": _SHARES,
                "plan": [{"weights": {"control": 50, ID.version_2: 50}, "holdMinutes": 60, "minSessions": 1_000}],
                "guardrails": [{"type": "quality", "name": "thumbs up", "direction": "down", "margin": 0.05}],
            },
        ),
    ],
    "DeploymentChanges": [
        (
            "Half and half",
            {
                "variants": [
                    {"versionId": ID.version_1, "weight": 50},
                    {"versionId": ID.version_2, "weight": 50},
                ]
            },
        ),
        ("Stopped", {"status": "paused"}),
    ],
    "Deployment": [("The deployment", _DEPLOYMENT)],
    "DeploymentPage": [("The only page", {"data": [_DEPLOYMENT], "meta": {"limit": 20}})],
    "ResolvedVariant": [
        (
            "What a session is served",
            {
                "versionId": ID.version_2,
                "sessionId": "customer-4711",
                "deploymentId": ID.deployment,
                "variantId": ID.variant,
                "isControl": False,
                "versionNumber": 2,
                "content": "You answer customers of a web shop, in two sentences at most. Help with: {{ issue }}",
            },
        )
    ],
    "Results": [("The shorter one is faster", _RESULTS)],
    "Ingest": [
        (
            "What one answer took and cost",
            {
                "metrics": [
                    {
                        "versionId": ID.version_2,
                        "type": "latency",
                        "name": "answer",
                        "value": 617,
                        "unit": "ms",
                        "timestamp": "2026-03-02T09:30:11.280Z",
                        "dimensions": {"model": "large"},
                        "deploymentId": ID.deployment,
                        "sessionId": "customer-4711",
                    },
                    {"versionId": ID.version_2, "type": "cost", "name": "answer", "value": 0.0021, "unit": "USD"},
                ]
            },
        )
    ],
    "Ingested": [("Both", {"ingested": 2})],
    "MeasuresPage": [("One answer so far", _MEASURES)],
}
