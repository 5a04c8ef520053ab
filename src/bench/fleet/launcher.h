/*
 * Which of many generators this is, as its launcher says it: a rank, counted from 0, and how many there are. The
 * launchers say it in variables of the environment; --rank says it for all others, and wins.
 *
 *	OMPI_COMM_WORLD_RANK, _SIZE       mpirun of Open MPI
 *	PMI_RANK, PMI_SIZE                mpiexec of MPICH and Intel MPI; srun --mpi=pmi2
 *	PMIX_RANK, PMIX_SIZE              prun of PRRTE; srun --mpi=pmix (without a size)
 *	PARALLEL_SEQ                      GNU parallel; from 1, without a size
 *	SLURM_PROCID, SLURM_STEP_NUM_TASKS or SLURM_NTASKS    srun
 *	JOB_COMPLETION_INDEX              an Indexed Job of Kubernetes, without a size
 *
 * Where several have spoken, the first of this list counts: the launchers of programs (MPI) run inside those of
 * jobs, and in a batch script of Slurm every program finds SLURM_PROCID 0, whatever started it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAUNCHER_MOST_RANKS (1u << 24)

struct launcher_rank {
	bool known;
	uint32_t rank; /* from 0 */
	uint32_t size; /* 0: not known */
	const char *from; /* "OMPI_COMM_WORLD_RANK", "--rank": static; NULL: not known */
};

/* Why a launcher's words are no rank. */
struct launcher_fault {
	const char *variable; /* static */
	const char *value; /* the environment's */
	const char *why; /* translated, without a full stop */
};

/* Reads "2/4". -EINVAL: `ret_why`, a translated sentence without a full stop, says why. */
int launcher_parse(const char *text, struct launcher_rank *ret_rank, const char **ret_why);

/*
 * Asks the environment. No launcher has spoken: 0, and it is not known. -EINVAL: a variable is there, and is no
 * rank: `ret_fault`. Main thread, like getenv(3).
 */
int launcher_find(struct launcher_rank *ret_rank, struct launcher_fault *ret_fault);
