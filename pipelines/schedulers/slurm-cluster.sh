#!/bin/bash
# A cluster in one Slurm allocation: the scheduler and the client on the first node, an executor on every node.
#   sbatch pipelines/schedulers/slurm-cluster.sh /shared/train --out /shared/weights
# Arguments are those of posweight compute. The exit code is that of the run.
#SBATCH --job-name=posweight
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --mem=32G
#SBATCH --time=02:00:00
set -euo pipefail

# A token for this job alone; srun passes it to the executors. Other users of the nodes are refused.
POSWEIGHT_CLUSTER_TOKEN=$(head -c 32 /dev/urandom | base64)
export POSWEIGHT_CLUSTER_TOKEN

# Jobs that share a node get other ports.
port=$((20000 + SLURM_JOB_ID % 10000 * 3))
host=${SLURMD_NODENAME:-$(hostname)}

posweight cluster scheduler --bind 0.0.0.0 --host "$host" --port "$port" &
parts=($!)
# As many tasks as the allocation has, which is one for each node.
srun --kill-on-bad-exit=0 posweight cluster executor --scheduler "df://$host:$port" --bind 0.0.0.0 \
    --port $((port + 1)) --task-port $((port + 2)) --threads "$SLURM_CPUS_PER_TASK" \
    --memory-limit $((SLURM_MEM_PER_NODE / 2))m &
parts+=($!)
trap 'kill "${parts[@]}" 2>/dev/null || true' EXIT

# Executors wait for the scheduler by themselves.
for _ in {1..300}; do
    (exec 3<>"/dev/tcp/$host/$port") 2>/dev/null && break
    sleep 0.1
done

posweight compute "$@" --cluster "df://$host:$port"
