"""One story in examples: alice writes `support-reply`, shortens it, bob puts it live, a service renders it; and he
drafts a friendlier one.

The keys of EXAMPLES are names of schemas; each example has a title and a value.
"""

from typing import Any, Final

from pvc.schema.split_story import SPLIT_EXAMPLES
from pvc.schema.story_ids import ID

CURSOR: Final = "IjIi:Yw3Jx1pU0cWk2sTqLrVb8nDfGhE5zXa7mCoPiQeRtYu"

_FIRST_TEXT: Final = "You answer customers of a web shop. Help with: {{ issue }}"
_SHORT_TEXT: Final = "You answer customers of a web shop, in two sentences at most. Help with: {{ issue }}"
_FRIENDLY_TEXT: Final = "You answer customers of a web shop, in three friendly sentences. Help with: {{ issue }}"
_CHAT: Final = [
    {"role": "system", "content": "You answer customers of a web shop."},
    {"placeholder": "history"},
    {"role": "user", "content": "{{ issue }}"},
]
_VARIABLES: Final = {"issue": {"type": "string", "required": True, "description": "What the customer writes."}}
_CONFIG: Final = {"model": "large", "temperature": 0.2}

_VERSION_1: Final = {
    "id": ID.version_1,
    "promptId": ID.prompt,
    "number": 1,
    "type": "text",
    "content": _FIRST_TEXT,
    "template": _FIRST_TEXT,
    "variables": _VARIABLES,
    "config": _CONFIG,
    "checksum": "3d3105adbb367886ef7b8c7957b79d95a96c6de7948c65801431605aae31ad3a",
    "digest": "dad6e052bfef3b05988e0295b593072fd4a08bba574aac586d81f64d8aa894a5",
    "metadata": {},
    "createdAt": "2026-03-02T09:10:02.041Z",
    "status": "retired",
    "tags": [],
}
_VERSION_2: Final = {
    **_VERSION_1,
    "id": ID.version_2,
    "number": 2,
    "content": _SHORT_TEXT,
    "template": _SHORT_TEXT,
    "checksum": "e09ac2e22921e6871dbf609ea9b3d3ba3c789c1bf59efcc3d783337af720d915",
    "digest": "e076b6d45f5bf21a7eb8df1be05718cbba6bf1d6080f9582f5ac81ba13ea6c0e",
    "metadata": {"author": "alice", "reason": "answers were too long"},
    "createdAt": "2026-03-02T09:15:30.123Z",
}
_LIVE_2: Final = {**_VERSION_2, "status": "active", "tags": ["production"]}
_PROMPT: Final = {
    "id": ID.prompt,
    "projectId": ID.tenant,
    "namespace": "default",
    "name": "support-reply",
    "type": "text",
    "description": "Answers to customers",
    "template": _FIRST_TEXT,
    "variables": _VARIABLES,
    "config": _CONFIG,
    "metadata": {"team": "support"},
    "archived": False,
    "createdAt": "2026-03-02T09:10:02.041Z",
    "updatedAt": "2026-03-02T09:10:02.041Z",
    "latestVersion": {"id": ID.version_1, "number": 1, "status": "retired", "createdAt": "2026-03-02T09:10:02.041Z"},
}
_TAG: Final = {
    "id": ID.tag,
    "projectId": ID.tenant,
    "promptId": ID.prompt,
    "versionId": ID.version_2,
    "name": "production",
    "createdAt": "2026-03-02T09:19:29.120Z",
    "updatedAt": "2026-03-02T09:19:29.120Z",
}
_TAG_WITH_VERSION: Final = {**_TAG, "version": _LIVE_2}
_KEY: Final = {
    "id": ID.key,
    "projectId": ID.tenant,
    "keyId": "a1B2c3D4",
    "name": "ci",
    "owner": "alice",
    "scopes": ["prompts:read", "prompts:write"],
    "expiresAt": "2027-03-01T00:00:00.000Z",
    "revokedAt": None,
    "lastUsedAt": None,
    "createdAt": "2026-03-02T09:25:11.360Z",
}
_EVALUATION_POLICY: Final = {
    "mode": "block_failures",
    "threshold": 0.8,
    "harnesses": [],
    "max_age_hours": None,
    "auto_trigger": False,
}
_CHANGE: Final = {
    "id": ID.change,
    "changes": {"required_approvals": 1},
    "requested_by": "alice",
    "requested_at": "2026-03-02T09:02:29.537Z",
}
_DECIDED: Final = {
    **_CHANGE,
    "decision": "approved",
    "decided_by": "bob",
    "decided_at": "2026-03-02T09:05:44.210Z",
}
_NAMESPACE: Final = {
    "id": ID.namespace,
    "slug": "agents",
    "name": "Agents",
    "description": "Prompts of the agents that answer customers",
    "required_approvals": 2,
    "custom_tags": ["canary"],
    "default_harness": None,
    "evaluation_policy": _EVALUATION_POLICY,
    "pending_changes": [_CHANGE],
    "created_at": "2026-03-02T09:01:12.976Z",
}
_FOUND: Final = {
    "valid": True,
    "syntax_ok": True,
    "subset_ok": True,
    "injection_scan": {"status": "pass", "findings": []},
    "token_estimate": 20,
    "variables_extracted": ["issue"],
    "unknown_variables": [],
    "errors": [],
    "warnings": [],
}
_PRE_PROD_2: Final = {
    "id": ID.version_2,
    "template_id": ID.prompt,
    "version_number": 2,
    "status": "pre_prod",
    "type": "text",
    "body": _SHORT_TEXT,
    "variables": _VARIABLES,
    "config": _CONFIG,
    "change_note": "",
    "digest": _VERSION_2["digest"],
    "author_id": "alice",
    "contributors": ["alice"],
    "base_version_id": None,
    "target_users": ["tester@example.com"],
    "rendered_token_estimate": 20,
    "validation_result": _FOUND,
    "approvals": [],
    "created_at": "2026-03-02T09:15:30.123Z",
    "sealed_at": "2026-03-02T09:15:30.123Z",
}
_YES: Final = {"user_id": "bob", "decision": "approved", "comment": "Reads well.", "at": "2026-03-02T09:19:29.120Z"}
_APPROVED_2: Final = {**_PRE_PROD_2, "status": "active", "target_users": [], "approvals": [_YES]}
_DRAFT_3: Final = {
    **_PRE_PROD_2,
    "id": ID.draft,
    "version_number": 3,
    "status": "draft",
    "body": _FRIENDLY_TEXT,
    "change_note": "friendlier",
    "digest": "7a821f0686e6e0206ba7acba2a5711f5283f21a32b0eb58275531f14d3e7fe33",
    "author_id": "bob",
    "contributors": ["bob"],
    "base_version_id": ID.version_1,
    "target_users": [],
    "rendered_token_estimate": 19,
    "validation_result": {**_FOUND, "token_estimate": 19},
    "created_at": "2026-03-02T09:21:40.660Z",
    "sealed_at": None,
}
_TEMPLATE: Final = {
    "id": ID.prompt,
    "namespace": "default",
    "slug": "support-reply",
    "name": "Support reply",
    "type": "text",
    "description": "Answers to customers",
    "variables_expected": ["issue"],
    "tier": "short",
    "active_version": {"id": ID.version_2, "version_number": 2},
    "pre_prod_version": None,
    "archived": False,
    "created_at": "2026-03-02T09:10:02.041Z",
    "updated_at": "2026-03-02T09:15:30.123Z",
}
_TIER: Final = {"id": ID.tier, "name": "short", "max_tokens": 500, "enforcement": "block"}
_MISSING: Final = {"code": "APPROVALS_MISSING", "message": "1 of 1 approvals is missing."}
_RENDERED: Final = "You answer customers of a web shop, in two sentences at most. Help with: my parcel is late"
_LAST_PAGE: Final = {"limit": 20}
_SUBSCRIPTION: Final = {
    "id": ID.webhook,
    "projectId": ID.tenant,
    "url": "https://hooks.example.com/prompts",
    "kind": "standard",
    "events": ["tag.moved", "promotion.requested"],
    "active": True,
    "description": None,
    "createdAt": "2026-03-02T09:03:10.120Z",
    "updatedAt": "2026-03-02T09:03:10.120Z",
}
_SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="  # noqa: S105 -- an example
_DELIVERY: Final = {
    "id": ID.delivery,
    "eventId": ID.event,
    "type": "tag.moved",
    "status": "delivered",
    "attempts": [
        {
            "number": 1,
            "at": "2026-03-02T09:19:29.320Z",
            "status": 200,
            "error": None,
            "response": "ok",
            "seconds": 0.041,
        }
    ],
    "nextAttemptAt": None,
    "createdAt": "2026-03-02T09:19:29.201Z",
    "endedAt": "2026-03-02T09:19:29.363Z",
}
_EVALUATION: Final = {
    "id": ID.evaluation,
    "versionId": ID.version_2,
    "digest": "e076b6d45f5bf21a7eb8df1be05718cbba6bf1d6080f9582f5ac81ba13ea6c0e",
    "harnessId": "builtin",
    "status": "passed",
    "score": 1.0,
    "metrics": {"cases": 2, "passed": 2, "failed": 0, "tokens": 44, "mostTokens": 24, "milliseconds": 0.073},
    "startedAt": "2026-03-02T09:16:10.120Z",
    "completedAt": "2026-03-02T09:16:10.204Z",
    "createdAt": "2026-03-02T09:16:10.080Z",
}
_NOT_BEGUN: Final = {"startedAt": None, "completedAt": None}
_HARNESS: Final = {
    "id": ID.harness,
    "projectId": ID.tenant,
    "name": "answers",
    "url": "https://harness.example.com/evaluate",
    "timeoutSeconds": 600,
    "createdAt": "2026-03-02T09:02:10.120Z",
    "updatedAt": "2026-03-02T09:02:10.120Z",
}
_CASE: Final = {
    "id": ID.case,
    "promptId": ID.prompt,
    "name": "a refund",
    "variables": {"issue": "I want my money back"},
    "assertions": [{"type": "contains", "value": "money back"}, {"type": "no_missing_variables"}],
    "createdAt": "2026-03-02T09:11:10.120Z",
    "updatedAt": "2026-03-02T09:11:10.120Z",
}
_GATE_POLICY: Final = {
    "requiredApprovals": 0,
    "mode": "block_failures",
    "threshold": 0.8,
    "harnesses": [],
    "maxAgeHours": None,
    "autoTrigger": False,
}
_MORE_PAGES: Final = {"limit": 1, "next_cursor": CURSOR}

Examples = dict[str, list[tuple[str, Any]]]

_ROOT: Final = "6a" * 32
_NOTE: Final = (
    "pvc/019ca000-0000-7000-8000-00000000ac3e\n16\nampqampqampqampqampqampqampqampqampqampqamo=\n\n"
    "\u2014 pvc PcyfYr1i0F8S7iZ9cLIxOMT9yEDlKBHDhnZpPjk0V6RwQe0c8LyM9nm7oB0p1v6T2u3X4y5Z6a7b8c9d0e1f2g==\n"
)
_CHECKPOINT: Final = {
    "size": 16,
    "root_hash": _ROOT,
    "head_hash": "9f" * 32,
    "note": _NOTE,
    "verifier_keys": ["pvc+3dcc9f62+AfVi0F8S7iZ9cLIxOMT9yEDlKBHDhnZpPjk0V6RwQe0c"],
    "created_at": "2026-03-02T09:15:35.123Z",
}

EXAMPLES: Final[Examples] = {
    **SPLIT_EXAMPLES,
    "NewPrompt": [
        (
            "A text",
            {
                "name": "support-reply",
                "template": _FIRST_TEXT,
                "description": "Answers to customers",
                "variables": _VARIABLES,
                "config": _CONFIG,
                "metadata": {"team": "support"},
            },
        ),
        ("A chat", {"name": "support-chat", "type": "chat", "template": _CHAT}),
    ],
    "PromptChanges": [("A new description", {"description": "Answers to customers of the web shop"})],
    "Prompt": [("The prompt", _PROMPT)],
    "PromptPage": [("The only page", {"data": [_PROMPT], "meta": _LAST_PAGE})],
    "NewVersion": [
        (
            "A shorter text",
            {
                "content": _SHORT_TEXT,
                "variables": _VARIABLES,
                "config": _CONFIG,
                "metadata": {"author": "alice", "reason": "answers were too long"},
            },
        )
    ],
    "Version": [("Version 2, live", _LIVE_2)],
    "DeduplicatedVersion": [("Sealed before", {**_VERSION_2, "deduplicated": True})],
    "VersionPage": [
        ("The newest version, and there are more", {"data": [_LIVE_2], "meta": {"limit": 1, "nextCursor": CURSOR}})
    ],
    "Usage": [("In production", {"tags": ["production"], "deployments": [], "targets": []})],
    "Diff": [
        (
            "A sentence was limited",
            {
                "fromVersion": 1,
                "toVersion": 2,
                "sections": [
                    {
                        "type": "modified",
                        "value": _SHORT_TEXT,
                        "oldValue": _FIRST_TEXT,
                        "lineStart": 1,
                        "lineEnd": 1,
                        "newLineStart": 1,
                        "newLineEnd": 1,
                        "words": [
                            {"type": "equal", "value": "You answer customers of a web shop"},
                            {"type": "added", "value": ", in two sentences at most"},
                            {"type": "equal", "value": ". Help with: {{ issue }}"},
                        ],
                    }
                ],
                "variables": [],
                "config": [],
                "semanticImpact": "major",
                "impact": {
                    "score": 0.6,
                    "level": "major",
                    "reasons": [
                        {
                            "rule": "number",
                            "message": f"A number is new: “{_SHORT_TEXT[:56]}…”.",
                            "line": 1,
                        }
                    ],
                },
            },
        )
    ],
    "TagTarget": [("Make version 2 live", {"versionId": ID.version_2, "reason": "shorter answers"})],
    "Tag": [("The tag", _TAG)],
    "TagWithVersion": [("The tag and what it points at", _TAG_WITH_VERSION)],
    "TagWithVersionList": [("All tags of the prompt", {"data": [_TAG_WITH_VERSION]})],
    "TagMovePage": [
        (
            "The first move",
            {
                "data": [
                    {
                        "id": ID.move,
                        "number": 1,
                        "tag": "production",
                        "kind": "set",
                        "fromVersionId": None,
                        "fromNumber": None,
                        "toVersionId": ID.version_2,
                        "toNumber": 2,
                        "reason": "shorter answers",
                        "by": "bob",
                        "at": "2026-03-02T09:19:29.120Z",
                    }
                ],
                "meta": _LAST_PAGE,
            },
        )
    ],
    "Promote": [("With a reason", {"reason": "a week in staging without a complaint"})],
    "Promoted": [
        (
            "Live",
            {
                "promoted": True,
                "fromVersion": 1,
                "versionId": ID.version_2,
                "reason": "a week in staging without a complaint",
            },
        )
    ],
    "Override": [("At night", {"versionId": ID.version_2, "reason": "the live text insults customers"})],
    "Overridden": [
        (
            "Live without approval",
            {
                "promoted": True,
                "versionId": ID.version_2,
                "reason": "the live text insults customers",
                "overridden": True,
            },
        )
    ],
    "Rollback": [("To the one before", {}), ("To a chosen one", {"versionId": ID.version_1})],
    "RolledBack": [("Version 1 is live again", {"rolledBack": True, "fromVersion": 2, "toVersion": 1})],
    "LifecycleTargets": [("One tester", {"target_users": ["tester@example.com"]})],
    "LifecycleOverridePreProd": [
        (
            "Replacing version 1",
            {"expected_version_id": ID.version_1, "reason": "it had a typing error", "target_users": []},
        )
    ],
    "LifecycleApproval": [("To this very content", {"comment": "Reads well.", "digest": _VERSION_2["digest"]})],
    "LifecycleRejection": [("Why", {"reason": "It promises a refund."})],
    "LifecycleMergePreProd": [("With version 2", {"expected_version_id": ID.version_2, "target_users": []})],
    "LifecycleNewTemplate": [
        (
            "A text, in a budget",
            {
                "namespace": "default",
                "slug": "support-reply",
                "name": "Support reply",
                "description": "Answers to customers",
                "variables_expected": ["issue"],
                "tier": "short",
            },
        ),
        ("A chat", {"namespace": "default", "slug": "support-chat", "name": "Support chat", "type": "chat"}),
    ],
    "LifecycleTemplateChanges": [
        ("A new description", {"description": "Answers to customers of the web shop"}),
        ("Out of the budget", {"tier": None}),
    ],
    "LifecycleTemplate": [("The template", _TEMPLATE)],
    "LifecycleTemplatePage": [("The only page", {"data": [_TEMPLATE], "meta": _LAST_PAGE})],
    "LifecycleNewDraft": [
        (
            "A friendlier text",
            {
                "body": _FRIENDLY_TEXT,
                "variables": _VARIABLES,
                "config": _CONFIG,
                "change_note": "friendlier",
                "base_version_id": ID.version_1,
            },
        )
    ],
    "LifecycleDraftChanges": [("The text alone", {"body": _FRIENDLY_TEXT})],
    "LifecycleVersion": [("Waiting for decisions", _PRE_PROD_2), ("A draft", _DRAFT_3)],
    "LifecycleVersionPage": [("Your draft, and there are more", {"data": [_DRAFT_3], "meta": _MORE_PAGES})],
    "LifecycleNewTier": [("500 tokens at most", {name: _TIER[name] for name in ("name", "max_tokens", "enforcement")})],
    "LifecycleTierChanges": [("More tokens", {"max_tokens": 800})],
    "LifecycleTier": [("The tier", _TIER)],
    "NewSubscription": [
        (
            "What is moved, and what waits",
            {"url": "https://hooks.example.com/prompts", "events": ["tag.moved", "promotion.requested"]},
        ),
        (
            "A channel of a chat",
            {"url": "https://hooks.slack.com/services/T0/B0/x", "events": ["*"], "kind": "slack"},
        ),
    ],
    "SubscriptionChanges": [("Everything there is", {"events": ["*"]})],
    "Subscription": [("Two kinds of events", _SUBSCRIPTION)],
    "SubscriptionPage": [("The only page", {"data": [_SUBSCRIPTION], "meta": _LAST_PAGE})],
    "Subscribed": [("With its secret", {**_SUBSCRIPTION, "secret": _SECRET, "standardSecret": _SECRET})],
    "Rotation": [("One that is made here", {})],
    "Rotated": [
        (
            "A new secret",
            {"secret": _SECRET, "standardSecret": _SECRET, "previousValidUntil": "2026-03-03T09:30:00.000Z"},
        )
    ],
    "Tested": [
        ("It works", {"success": True, "status": 200}),
        ("Nobody is there", {"success": False, "error": "connect"}),
    ],
    "Replay": [("A morning", {"since": "2026-03-02T08:00:00Z", "until": "2026-03-02T12:00:00Z"})],
    "Replayed": [("Three events", {"replayed": 3})],
    "Delivery": [("Delivered at once", _DELIVERY)],
    "DeliveryPage": [("The only page", {"data": [_DELIVERY], "meta": _LAST_PAGE})],
    "EvaluationRequest": [
        ("The prompt's test cases", {"versionId": ID.version_2, "harnessId": "builtin"}),
        ("As the namespace says", {"versionId": ID.version_2}),
    ],
    "Evaluation": [
        ("Asked for", {**_EVALUATION, "status": "pending", "score": None, "metrics": {}, **_NOT_BEGUN}),
        ("Passed", _EVALUATION),
    ],
    "EvaluationPage": [("The only page", {"data": [_EVALUATION], "meta": _LAST_PAGE})],
    "EvaluationInFull": [
        (
            "Passed",
            {
                **_EVALUATION,
                "results": [
                    {"name": "a refund", "passed": True, "faults": [], "tokens": 24, "milliseconds": 0.041},
                    {"name": "nothing said", "passed": True, "faults": [], "tokens": 20, "milliseconds": 0.032},
                ],
            },
        )
    ],
    "Report": [
        (
            "Passed",
            {
                "evaluationId": ID.evaluation,
                "status": "passed",
                "score": 0.93,
                "metrics": {"questions": 120},
                "digest": "e076b6d45f5bf21a7eb8df1be05718cbba6bf1d6080f9582f5ac81ba13ea6c0e",
            },
        )
    ],
    "NewHarness": [
        (
            "A server of your own",
            {
                "name": "answers",
                "url": "https://harness.example.com/evaluate",
                "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "timeoutSeconds": 600,
            },
        )
    ],
    "HarnessChanges": [("More time", {"timeoutSeconds": 1200})],
    "Harness": [("A server of your own", _HARNESS)],
    "HarnessPage": [("The only page", {"data": [_HARNESS], "meta": _LAST_PAGE})],
    "NewTestCase": [
        ("What is asked for stands in it", {name: _CASE[name] for name in ("name", "variables", "assertions")})
    ],
    "TestCaseChanges": [("Shorter", {"assertions": [{"type": "max_tokens", "value": 40}]})],
    "TestCase": [("What is asked for stands in it", _CASE)],
    "TestCasePage": [("The only page", {"data": [_CASE], "meta": _LAST_PAGE})],
    "Gate": [
        (
            "Open",
            {"canPromote": True, "reason": None, "unmet": [], "policy": _GATE_POLICY, "evaluations": [_EVALUATION]},
        ),
        (
            "Closed",
            {
                "canPromote": False,
                "reason": "The newest evaluation by builtin failed.",
                "unmet": [{"code": "EVALUATION_FAILED", "message": "The newest evaluation by builtin failed."}],
                "policy": _GATE_POLICY,
                "evaluations": [{**_EVALUATION, "status": "failed", "score": 0.5}],
            },
        ),
    ],
    "LifecycleTierPage": [("The only page", {"data": [_TIER], "meta": _LAST_PAGE})],
    "LifecycleDecidedVersion": [("Approved, and live", {**_APPROVED_2, "activated": True, "unmet": []})],
    "LifecyclePendingApprovalPage": [
        (
            "One waits",
            {
                "data": [
                    {
                        "version": _PRE_PROD_2,
                        "template": {"id": ID.prompt, "namespace": "default", "slug": "support-reply"},
                        "unmet": [_MISSING],
                        "waiting_seconds": 239,
                        "diff_summary": {"added": 0, "removed": 0, "modified": 1, "impact": "major"},
                        "approvals_needed": 1,
                    }
                ],
                "meta": {"limit": 20},
            },
        )
    ],
    "RenderRequest": [("With a value", {"variables": {"issue": "my parcel is late"}})],
    "Rendering": [
        (
            "What is sent to the model",
            {
                "version": 2,
                "versionId": ID.version_2,
                "content": _SHORT_TEXT,
                "rendered": _RENDERED,
                "variablesUsed": ["issue"],
                "missingVariables": [],
                "unusedVariables": [],
                "tokenCount": 21,
                "metadata": {"author": "alice", "reason": "answers were too long"},
            },
        )
    ],
    "LifecycleNewNamespace": [
        (
            "Two approvals, and a tag of its own",
            {
                "slug": "agents",
                "name": "Agents",
                "description": "Prompts of the agents that answer customers",
                "required_approvals": 2,
                "custom_tags": ["canary"],
            },
        )
    ],
    "LifecycleNamespaceChanges": [
        ("One approval will do", {"required_approvals": 1}),
        ("What evaluations must say", {"evaluation_policy": {"mode": "require_pass", "max_age_hours": 24}}),
    ],
    "LifecycleNamespace": [("A change waits", _NAMESPACE)],
    "LifecycleNamespacePage": [("The only page", {"data": [_NAMESPACE], "meta": _LAST_PAGE})],
    "LifecycleWaiting": [
        (
            "Fewer approvals take a second person",
            {"pending_change": {name: _CHANGE[name] for name in ("id", "changes", "requested_by")}},
        ),
        (
            "So does a higher budget",
            {
                "pending_change": {
                    "id": ID.change,
                    "changes": {"tiers": {ID.tier: {"max_tokens": 800}}},
                    "requested_by": "alice",
                }
            },
        ),
    ],
    "LifecyclePolicyChange": [("Approved by a second person", _DECIDED)],
    "LifecyclePolicyChangePage": [("The only page", {"data": [_DECIDED], "meta": _LAST_PAGE})],
    "LifecycleResolved": [
        (
            "What is live",
            {
                "version_id": ID.version_2,
                "version_number": 2,
                "body": _SHORT_TEXT,
                "type": "text",
                "config": _CONFIG,
                "variables_expected": ["issue"],
                "status": "active",
                "token_estimate": 20,
                "digest": _VERSION_2["digest"],
            },
        )
    ],
    "LifecycleRenderRequest": [
        ("For an end user", {"variables": {"issue": "my parcel is late"}, "user_id": "customer-4711"})
    ],
    "LifecycleRendering": [
        (
            "What is sent to the model",
            {
                "rendered": _RENDERED,
                "token_count": 21,
                "version_id": ID.version_2,
                "version_number": 2,
                "source": "active",
                "variables_used": ["issue"],
                "missing_variables": [],
                "warnings": [],
            },
        )
    ],
    "NewApiKey": [
        (
            "A key for a pipeline",
            {"name": "ci", "scopes": ["prompts:read", "prompts:write"], "expiresAt": "2027-03-01T00:00:00Z"},
        )
    ],
    "IssuedApiKey": [
        ("The key, shown this once", {**_KEY, "key": "pvc_a1B2c3D4_" + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"}),
        ("The same answer, replayed", {**_KEY, "key": None}),
    ],
    "ApiKeyPage": [("The only page", {"data": [_KEY], "meta": _LAST_PAGE})],
    "LifecycleCheckpoint": [("The newest", _CHECKPOINT)],
    "LifecycleKeptEvidence": [
        (
            "With what the caller kept",
            {"checkpoints": [_NOTE], "receipts": [{"seq": 16, "hash": "9f" * 32}]},
        )
    ],
    "LifecycleVerification": [
        (
            "Nothing was changed",
            {
                "total_entries": 17,
                "verified": 17,
                "tampered": 0,
                "tampered_entries": [],
                "missing": [],
                "truncated": False,
                "expected_size": 17,
                "checkpoint": {"size": 16, "root": _ROOT, "source": "database"},
                "unsealed_tail": 1,
                "checked_from": 0,
                "macs_unchecked": 0,
                "duration_ms": 4,
                "ok": True,
            },
        )
    ],
    "LifecycleInclusion": [
        (
            "The last of 16",
            {
                "seq": 16,
                "size": 16,
                "leaf": "5e" * 32,
                "hash": "9f" * 32,
                "proof": ["ab" * 32, "cd" * 32, "01" * 32, "23" * 32],
                "root_hash": _ROOT,
                "note": _NOTE,
            },
        )
    ],
    "LifecycleConsistency": [
        (
            "A log that has not grown",
            {"proof": [], "old_root": _ROOT, "new_root": _ROOT, "old_note": _NOTE, "new_note": _NOTE},
        )
    ],
    "LifecycleAuditEntryPage": [
        (
            "The newest entry, and there are more",
            {
                "data": [
                    {
                        "seq": 42,
                        "at": "2026-03-02T09:19:29.120Z",
                        "actor": "bob",
                        "via": "key:Z9y8X7w6",
                        "verb": "tag.moved",
                        "target": ID.prompt,
                        "template_id": ID.prompt,
                        "data": {
                            "tag": "production",
                            "fromVersionId": None,
                            "fromNumber": None,
                            "toVersionId": ID.version_2,
                            "toNumber": 2,
                            "kind": "set",
                            "reason": "shorter answers",
                        },
                        "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    }
                ],
                "meta": _MORE_PAGES,
            },
        )
    ],
    "Health": [("Alive", {"status": "ok", "timestamp": "2026-03-02T09:15:30.123Z"})],
    "Readiness": [
        (
            "Ready",
            {"status": "ready", "checks": {"database": "ok", "migrations": "ok", "worker": "ok", "redis": "ok"}},
        ),
        (
            "Serving, but less well",
            {
                "status": "degraded",
                "checks": {
                    "database": "ok",
                    "migrations": "ok",
                    "worker": "No worker has given a sign of life for 60 seconds.",
                    "redis": "ok",
                },
            },
        ),
    ],
    "Unreadiness": [
        (
            "No database",
            {"status": "unavailable", "checks": {"database": "The database cannot be reached.", "redis": "ok"}},
        )
    ],
    "PrometheusText": [
        (
            "Two lines",
            '# TYPE pvc_requests_total counter\npvc_requests_total{method="GET",route="prompts",status="200"} 3.0\n',
        )
    ],
    "DocumentationPage": [("The beginning", "<!DOCTYPE html>\n<html>")],
    "OpenApiDocument": [
        (
            "Its outline",
            {
                "openapi": "3.1.0",
                "info": {"title": "Prompt version control", "version": "0.1.0"},
                "paths": {},
                "components": {},
            },
        )
    ],
}


#: What stands beside the error of a conflict, by its code.
BESIDE: Final[dict[str, dict[str, Any]]] = {
    "PRE_PROD_TAKEN": {
        "conflict": True,
        "existing_pre_prod": {
            "version_id": ID.version_2,
            "version_number": 2,
            "author_id": "alice",
            "body": _SHORT_TEXT,
            "created_at": _PRE_PROD_2["created_at"],
        },
        "options": ["override", "merge"],
    },
    "DRAFT_EXISTS": {"existing_draft": {"id": ID.draft, "version_number": 3}},
    "MERGE_CONFLICT": {
        "conflict": True,
        "hunks": [
            {
                "start_line": 1,
                "base": f"{_FIRST_TEXT}\n",
                "theirs": f"{_SHORT_TEXT}\n",
                "mine": f"{_FRIENDLY_TEXT}\n",
            }
        ],
        "fields": [],
        "draft": {
            "id": ID.draft,
            "version_number": 3,
            "body": f"<<<<<<< theirs\n{_SHORT_TEXT}\n||||||| base\n{_FIRST_TEXT}\n=======\n{_FRIENDLY_TEXT}\n"
            ">>>>>>> mine",
        },
    },
}

#: Values of a route's own query parameters, where its handler gives no example.
PARAMETERS: Final = {
    "fromVersion": "1",
    "toVersion": "2",
    "user_id": "customer-4711",
    "evaluationId": ID.evaluation,
    "promptId": ID.prompt,
    "sessionId": "customer-4711",
    "metric": "answer",
    "hours": 24,
    "status": "active",
    "type": "latency",
}


def examples_of(schema: str) -> dict[str, Any]:
    """Where a schema's examples stand, for a body or an answer."""
    names = [_name(schema, index) for index in range(len(EXAMPLES.get(schema, [])))]
    return {name: {"$ref": f"#/components/examples/{name}"} for name in names}


def all_examples() -> dict[str, Any]:
    """Every example by its name."""
    return {
        _name(schema, index): {"summary": title, "value": value}
        for schema, examples in EXAMPLES.items()
        for index, (title, value) in enumerate(examples)
    }


def _name(schema: str, index: int) -> str:
    return schema if index == 0 else f"{schema}{index + 1}"
